#include <gtest/gtest.h>

#include <span>

#include "kernels/expert_popularity.hpp"
#include "kernels/step_kernels.hpp"
#include "tests/kernels/gpu_test.hpp"
#include "tests/kernels/reference_step.hpp"
#include "tests/kernels/routing_on_host.hpp"

namespace moetune::kernels {
namespace {

class PopularRoutingGpuTest : public GpuTest {
 protected:
  static std::vector<std::byte> bytes(const Stream& stream, const DeviceBuffer& from) {
    std::vector<std::byte> copy(from.size());
    must(stream.synchronize());
    must(from.download(copy));
    return copy;
  }
};

TEST_F(PopularRoutingGpuTest, DrawsWhatTheCpuDraws) {
  const auto outcome = must(nvrtc().compile(step_compile_request(arch())));
  ASSERT_EQ(outcome.status, CompileStatus::ok) << outcome.log;
  const auto step = must(StepKernels::load(outcome.cubin));
  const auto stream = must(Stream::create());
  schema::Problem problem;
  problem.num_experts = 256;
  problem.intermediate_size = 64;
  problem.hidden_size = 64;
  problem.topk = 8;
  schema::ExpertCounts counts{{std::vector<std::int64_t>(256, 0)}};
  for (std::size_t expert = 0; expert < 256; expert += 3)
    counts.layers[0][expert] = static_cast<std::int64_t>(expert) + 1;
  for (const char* routing : {"zipf:0.5", "zipf:1.2", "zipf:4", "counts:0123456789abcdef"}) {
    const auto popularity = must(ExpertPopularity::of(routing, counts, problem));
    const auto row = popularity.table(1, 7);
    const auto odds = must(DeviceBuffer::allocate(row.size() * sizeof(float)));
    must(odds.upload(std::as_bytes(std::span(row))));
    for (const std::int64_t batch : {1, 64, 4096}) {
      const auto size = static_cast<std::size_t>(batch * problem.topk) * 4;
      const auto ids = must(DeviceBuffer::allocate(size)), weights = must(DeviceBuffer::allocate(size));
      must(step.popular_routing(stream, problem, batch, odds.address(), ids.address(), weights.address(), 21));
      const auto expected = on_host::popular_routing(row, batch, problem.topk, 21);
      ASSERT_EQ(reference::decode_ints(bytes(stream, ids)), expected.topk_ids) << routing << " " << batch;
      const auto router = reference::decode_floats(bytes(stream, weights));
      for (std::size_t i = 0; i < router.size(); ++i)
        ASSERT_NEAR(router[i], static_cast<double>(expected.topk_weights[i]), 1e-6);
    }
  }
}

}  // namespace
}  // namespace moetune::kernels
