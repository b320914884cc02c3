#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "kernels/step_kernels.hpp"
#include "tests/kernels/gpu_test.hpp"
#include "tests/kernels/problem_forms.hpp"
#include "tests/kernels/reference_step.hpp"

namespace moetune::kernels {
namespace {

class StepKernelsGpuTest : public GpuTest {
 protected:
  static DeviceBuffer buffer(std::int64_t bytes) {
    return must(DeviceBuffer::allocate(static_cast<std::size_t>(bytes)));
  }
  static StepKernels load() {
    const auto outcome = must(nvrtc().compile(step_compile_request(arch())));
    EXPECT_EQ(outcome.status, CompileStatus::ok) << outcome.log;
    return must(StepKernels::load(outcome.cubin));
  }
  static std::vector<std::byte> bytes(const Stream& stream, const DeviceBuffer& from) {
    if (from.size() == 0) return {};
    std::vector<std::byte> copy(from.size());
    must(stream.synchronize());
    must(from.download(copy));
    return copy;
  }
};

/// Every row block with the rules of vLLM 0.33, SGLang 0.5.23 and SGLang 0.4.
std::vector<std::pair<int, AlignmentRule>> blocks_and_rules() {
  std::vector<std::pair<int, AlignmentRule>> all;
  for (const int block : {16, 32, 64, 128, 256}) {
    all.emplace_back(block, AlignmentRule{});
    all.emplace_back(block, AlignmentRule{.naive = false, .extra_experts = 1, .round_to = 4, .rows_limit = false});
    all.emplace_back(block, AlignmentRule{.naive = false, .pairs_limit = false, .rows_limit = false});
  }
  return all;
}

TEST_F(StepKernelsGpuTest, AlignsAsTheCpuDoes) {
  const auto step = load();
  const auto stream = must(Stream::create());
  for (const auto& [experts, topk, batch] : {std::tuple{256, 8, 1},
                                             {256, 8, 4},
                                             {256, 8, 300},
                                             {8, 3, 33},
                                             {8, 2, 1},
                                             {32, 1, 8},
                                             {1500, 4, 700},
                                             {16, 16, 5}}) {
    const schema::Problem problem{
        .num_experts = experts, .intermediate_size = 64, .hidden_size = 64, .topk = topk, .block_shape = {}};
    const auto pairs = static_cast<std::int64_t>(batch) * topk;
    const auto ids = buffer(pairs * 4), weights = buffer(pairs * 4);
    must(step.random_routing(stream, problem, batch, ids.address(), weights.address(), 5));
    const auto topk_ids = reference::decode_ints(bytes(stream, ids));
    for (const auto& [block, rule] : blocks_and_rules()) {
      const auto shape = alignment_shape(problem, batch, block, rule);
      const auto sorted = buffer(shape.sorted_size * 4), expert_ids = buffer(shape.expert_blocks * 4);
      const auto padded = buffer(4), workspace = buffer((2 * experts + 1) * 4);
      must(step.align(stream, problem, batch, block, ids.address(),
                      {sorted.address(), expert_ids.address(), padded.address(), workspace.address()}, rule));
      const auto expected = reference::align(problem, batch, block, topk_ids, rule);
      const auto rows = reference::decode_ints(bytes(stream, padded)).at(0);
      ASSERT_EQ(rows, expected.num_tokens_post_padded);
      ASSERT_LE(rows, shape.sorted_size);
      auto blocks = reference::decode_ints(bytes(stream, expert_ids));
      ASSERT_LE(expected.expert_ids.size(), blocks.size());
      for (std::size_t i = expected.expert_ids.size(); i < blocks.size(); ++i) ASSERT_EQ(blocks[i], -1);
      blocks.resize(expected.expert_ids.size());
      ASSERT_EQ(blocks, expected.expert_ids);
      if (shape.naive) continue;
      auto tokens = reference::decode_ints(bytes(stream, sorted));
      for (std::size_t i = expected.sorted_token_ids.size(); i < tokens.size(); ++i) ASSERT_EQ(tokens[i], pairs);
      tokens.resize(expected.sorted_token_ids.size());
      ASSERT_EQ(tokens, expected.sorted_token_ids);
    }
  }
}

TEST_F(StepKernelsGpuTest, RoutingDrawsDistinctExpertsEvenly) {
  const auto step = load();
  const auto stream = must(Stream::create());
  const schema::Problem problem{
      .num_experts = 64, .intermediate_size = 64, .hidden_size = 64, .topk = 6, .block_shape = {}};
  const std::int64_t batch = 20000;
  const auto ids = buffer(batch * 6 * 4), weights = buffer(batch * 6 * 4);
  must(step.random_routing(stream, problem, batch, ids.address(), weights.address(), 17));
  const auto drawn = reference::decode_ints(bytes(stream, ids));
  const auto router = reference::decode_floats(bytes(stream, weights));
  std::vector<int> counts(64);
  for (std::size_t token = 0; token < 20000; ++token) {
    const std::set<std::int32_t> distinct(drawn.begin() + static_cast<std::ptrdiff_t>(token * 6),
                                          drawn.begin() + static_cast<std::ptrdiff_t>(token * 6 + 6));
    ASSERT_EQ(distinct.size(), 6u);
    double sum = 0;
    for (std::size_t j = 0; j < 6; ++j) {
      const auto expert = drawn[token * 6 + j];
      ASSERT_GE(expert, 0);
      ASSERT_LT(expert, 64);
      ++counts[static_cast<std::size_t>(expert)];
      ASSERT_GT(router[token * 6 + j], 0.0);
      sum += router[token * 6 + j];
    }
    ASSERT_NEAR(sum, 1.0, 1e-5);
  }
  // 1875 expected, standard deviation 41.
  EXPECT_GT(std::ranges::min(counts), 1650);
  EXPECT_LT(std::ranges::max(counts), 2100);
}

TEST_F(StepKernelsGpuTest, RandomValuesAreNeverZeroAndFollowTheSeed) {
  const auto step = load();
  const auto stream = must(Stream::create());
  for (const auto& [type, deviation] : {std::pair{Operand::bfloat16, 0.05f},
                                        {Operand::float16, 1.0f},
                                        {Operand::fp8_e4m3, 60.0f},
                                        {Operand::int8, 32.0f}}) {
    const std::int64_t count = 100003;
    const auto one = buffer(count * bytes_of(type)), same = buffer(count * bytes_of(type)),
               other = buffer(count * bytes_of(type));
    must(step.random_values(stream, type, one.address(), count, deviation, 1));
    must(step.random_values(stream, type, same.address(), count, deviation, 1));
    must(step.random_values(stream, type, other.address(), count, deviation, 2));
    EXPECT_EQ(bytes(stream, one), bytes(stream, same));
    EXPECT_NE(bytes(stream, one), bytes(stream, other));
    const auto values = reference::decode(bytes(stream, one), type);
    double squares = 0, sum = 0;
    for (const double value : values) {
      ASSERT_TRUE(std::isfinite(value) && value != 0.0);
      squares += value * value;
      sum += value;
    }
    EXPECT_NEAR(std::sqrt(squares / static_cast<double>(count)) / static_cast<double>(deviation), 1.0, 0.02);
    EXPECT_LT(std::abs(sum / static_cast<double>(count)) / static_cast<double>(deviation), 0.02);
  }
}

TEST_F(StepKernelsGpuTest, QuantisesEachGroupToItsLargestValue) {
  const auto step = load();
  const auto stream = must(Stream::create());
  const schema::Problem problem{.num_experts = 8,
                                .intermediate_size = 336,
                                .hidden_size = 336,
                                .topk = 2,
                                .dtype = schema::Dtype::fp8_w8a8,
                                .block_shape = schema::BlockShape{128, 128}};
  const std::int64_t rows = 37, k = 336, groups = 3;
  const auto in = buffer(rows * k * 2), out = buffer(rows * k), scale = buffer(rows * groups * 4);
  must(step.random_values(stream, Operand::bfloat16, in.address(), rows * k, 3.0f, 9));
  must(step.quantise(stream, problem, rows, k, in.address(), out.address(), scale.address()));
  const auto values = reference::decode(bytes(stream, in), Operand::bfloat16);
  const auto codes = reference::decode(bytes(stream, out), Operand::fp8_e4m3);
  const auto scales = reference::decode_floats(bytes(stream, scale));
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t group = 0; group < groups; ++group) {
      double largest = 0;
      for (auto i = group * 128; i < std::min(k, group * 128 + 128); ++i) {
        largest = std::max(largest, std::abs(values[static_cast<std::size_t>(row * k + i)]));
      }
      const double unit = scales[static_cast<std::size_t>(row * groups + group)];
      ASSERT_NEAR(unit, largest / 448, largest * 1e-6);
      for (auto i = group * 128; i < std::min(k, group * 128 + 128); ++i) {
        const double wanted = values[static_cast<std::size_t>(row * k + i)] / unit;
        const double got = codes[static_cast<std::size_t>(row * k + i)];
        // Half a step of the format: 2^-4 of the value, 2^-10 below the smallest normal number.
        ASSERT_LE(std::abs(got - wanted), std::max(std::abs(wanted) / 16, 0.0009765625) * 1.00001);
      }
    }
  }
}

TEST_F(StepKernelsGpuTest, QuantisesRowsAndTensorsToTheirLargestValue) {
  const auto step = load();
  const auto stream = must(Stream::create());
  const std::int64_t rows = 301, k = 7168;
  const auto in = buffer(rows * k * 2);
  must(step.random_values(stream, Operand::bfloat16, in.address(), rows * k, 3.0f, 9));
  const auto values = reference::decode(bytes(stream, in), Operand::bfloat16);
  for (const bool per_channel : {true, false}) {
    const schema::Problem problem{.num_experts = 8,
                                  .intermediate_size = k,
                                  .hidden_size = k,
                                  .topk = 2,
                                  .dtype = schema::Dtype::fp8_w8a8,
                                  .block_shape = {},
                                  .per_channel_quant = per_channel};
    const auto out = buffer(rows * k), scale = buffer((per_channel ? rows : 1) * 4);
    must(step.quantise(stream, problem, rows, k, in.address(), out.address(), scale.address()));
    const auto first = bytes(stream, out), first_scale = bytes(stream, scale);
    must(step.quantise(stream, problem, rows, k, in.address(), out.address(), scale.address()));
    EXPECT_EQ(bytes(stream, out), first);
    EXPECT_EQ(bytes(stream, scale), first_scale);
    const auto codes = reference::decode(first, Operand::fp8_e4m3);
    const auto units = reference::decode_floats(first_scale);
    const auto shared = static_cast<std::size_t>(per_channel ? k : rows * k);
    for (std::size_t i = 0; i < units.size(); ++i) {
      double largest = 0;
      for (std::size_t j = i * shared; j < (i + 1) * shared; ++j) largest = std::max(largest, std::abs(values[j]));
      ASSERT_NEAR(units[i], largest / 448, largest * 1e-6);
    }
    for (std::size_t j = 0; j < codes.size(); ++j) {
      const double wanted = values[j] / units[j / shared];
      ASSERT_LE(std::abs(codes[j] - wanted), std::max(std::abs(wanted) / 16, 0.0009765625) * 1.00001);
    }
  }
}

TEST_F(StepKernelsGpuTest, TheReferenceComputesEveryForm) {
  const auto step = load();
  const auto stream = must(Stream::create());
  for (const auto& form : testing::all_forms()) {
    const auto problem = form.of(5, 20, 56, 2);
    constexpr std::int64_t k_batch = 3;
    for (const auto gemm : {Gemm::first, Gemm::second}) {
      const auto shape = gemm_shape(problem, k_batch, gemm);
      const auto pairs = k_batch * problem.topk;
      const auto tensor = [&](Operand type, std::int64_t count) {
        auto made = buffer(count * bytes_of(type));
        must(step.random_values(stream, type, made.address(), count, 3.0f, 7));
        return made;
      };
      const auto scales = [&](std::int64_t count) {
        auto made = buffer(count * 4);
        if (count > 0) must(step.random_floats(stream, made.address(), count, 0.5f, 1.5f, 8));
        return made;
      };
      const auto a = tensor(activation_operand(problem), shape.a_rows * shape.k);
      const auto w = tensor(weight_operand(problem), problem.num_experts * shape.n * shape.k);
      const auto a_scale = scales(activation_scales(problem, shape.a_rows, shape.n, shape.k));
      const auto w_scale = scales(weight_scales(problem, shape.n, shape.k));
      const auto ids = buffer(pairs * 4), router = buffer(pairs * 4), out = buffer(pairs * shape.n * 4);
      must(step.random_routing(stream, problem, k_batch, ids.address(), router.address(), 5));
      must(step.reference_gemm(stream, problem, k_batch, gemm,
                               {.a = a.address(),
                                .w = w.address(),
                                .a_scale = a_scale.address(),
                                .w_scale = w_scale.address(),
                                .topk_weights = router.address()},
                               ids.address(), {.first = 0, .step = 1, .count = pairs}, out.address()));
      const reference::Operands operands{.a = reference::decode(bytes(stream, a), activation_operand(problem)),
                                         .w = reference::decode(bytes(stream, w), weight_operand(problem)),
                                         .a_scale = reference::decode_floats(bytes(stream, a_scale)),
                                         .w_scale = reference::decode_floats(bytes(stream, w_scale)),
                                         .topk_weights = reference::decode_floats(bytes(stream, router)),
                                         .topk_ids = reference::decode_ints(bytes(stream, ids))};
      EXPECT_LT(reference::relative_error(reference::decode_floats(bytes(stream, out)),
                                          reference::gemm(problem, k_batch, gemm, operands)),
                1e-6)
          << form.name;
    }
  }
}

}  // namespace
}  // namespace moetune::kernels
