#include "kernels/step_check.hpp"

#include <gtest/gtest.h>

#include <iostream>

#include "kernels/artifact_file.hpp"
#include "kernels/cuda_gemm.hpp"
#include "kernels/residency_plan.hpp"
#include "tests/kernels/artifact_maker.hpp"
#include "tests/kernels/sample_trial.hpp"
#include "tests/kernels/temp_file.hpp"

namespace moetune::kernels {
namespace {

using testing::ArtifactMaker;
using testing::sample_problem;
using testing::TempFolder;

schema::Problem plain_problem(schema::ActDtype type) {
  schema::Problem problem;
  problem.num_experts = 32;
  problem.intermediate_size = 192;
  problem.hidden_size = 1024;
  problem.topk = 6;
  problem.act_dtype = type;
  return problem;
}

/// Computes the step with the router's weights in the other GEMM.
class MisplacedRouterWeight : public GemmKernel {
 public:
  explicit MisplacedRouterWeight(const GemmKernel& right) : right_(right) {}
  Result<void> launch(const Stream& stream, const GemmCall& call) const override {
    GemmCall other = call;
    other.problem.router_weight_on_input = !call.problem.router_weight_on_input;
    return right_.launch(stream, other);
  }

 private:
  const GemmKernel& right_;
};

/// The check against the reference, in this process.
class StepCheckGpuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto context = Context::open(0);
    if (!context) GTEST_SKIP() << "no GPU to check on: " << context.error().message;
    context_.emplace(std::move(*context));
    const auto& info = context_->device();
    auto maker = ArtifactMaker::create(folder_.path(), arch_of(info.cc_major, info.cc_minor));
    if (!maker) GTEST_SKIP() << maker.error().message;
    maker_.emplace(std::move(*maker));
    stream_.emplace(Stream::create().value());
  }

  static std::string code_of(const schema::Result<std::string>& path) {
    return read_artifact(path.value()).value().cubin;
  }

  /// Errors of one tile for every batch, with a plan that looks at a part of the pairs when `most_checked` says so.
  void check(const schema::Problem& problem, const schema::TileConfig& config, std::int64_t most_checked) {
    const auto& info = context_->device();
    const std::string step_code = code_of(maker_->step());
    const auto step = StepKernels::load(std::as_bytes(std::span(step_code))).value();
    OpenProblem request;
    request.problem = problem;
    request.batches = {1, 7, 300};
    auto plan = plan_residency(problem, request.batches, schema::L2::cold, 1 << 20, 64LL << 30).value();
    for (auto& batch : plan.batches) {
      const auto pairs = batch.batch * problem.topk;
      batch.check_step = (pairs + most_checked - 1) / most_checked | 1;
      batch.checked = (pairs + batch.check_step - 1) / batch.check_step;
    }
    auto resident = ResidentProblem::create(step, *stream_, request, plan).value();
    const auto variant = make_variant(problem, config, arch_of(info.cc_major, info.cc_minor)).value();
    const std::string code = code_of(maker_->gemm(problem, config));
    const auto gemm = CudaGemm::load(variant, std::as_bytes(std::span(code)), info.shared_optin_bytes).value();
    PowerWatch watch(std::nullopt);
    const StepBounds bounds = bounds_of(problem);
    for (const auto batch : request.batches) {
      ASSERT_TRUE(resident.prepare(batch, config.block_size_m));
      const GemmCandidate candidate({gemm.get(), gemm.get()}, resident, batch, config);
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      const auto errors = check_step(candidate, *stream_, deadline, watch);
      ASSERT_TRUE(errors) << errors.error().message;
      std::cout << short_text(problem) << " " << short_text(config) << " M=" << batch << ": "
                << explain(*errors, bounds) << "\n";
      EXPECT_TRUE(is_correct(*errors, bounds));
      // Half of each bound is left, so that a correct kernel is never called wrong.
      EXPECT_LT(errors->gemm_1, bounds.gemm_1 / 2);
      EXPECT_LT(errors->gemm_2, bounds.gemm_2 / 2);
      EXPECT_LT(errors->step, bounds.step / 2);
      const MisplacedRouterWeight misplaced(*gemm);
      const GemmCandidate wrong({&misplaced, &misplaced}, resident, batch, config);
      const auto found = check_step(wrong, *stream_, deadline, watch);
      ASSERT_TRUE(found) << found.error().message;
      EXPECT_GT(found->gemm_1, 20 * bounds.gemm_1);
      EXPECT_GT(found->gemm_2, 20 * bounds.gemm_2);
    }
  }

  TempFolder folder_;
  std::optional<Context> context_;
  std::optional<ArtifactMaker> maker_;
  std::optional<Stream> stream_;
};

constexpr std::int64_t k_all = 1 << 30;

TEST_F(StepCheckGpuTest, RightKernelsStayWellWithinTheBounds) {
  for (const auto& config : {schema::TileConfig{16, 64, 64, 1, 4, 3}, schema::TileConfig{64, 128, 64, 16, 4, 3}}) {
    check(plain_problem(schema::ActDtype::bfloat16), config, k_all);
    check(plain_problem(schema::ActDtype::float16), config, k_all);
    check(sample_problem(), config, k_all);
    auto early = sample_problem();
    early.router_weight_on_input = true;
    check(early, config, k_all);
    early = plain_problem(schema::ActDtype::bfloat16);
    early.router_weight_on_input = true;
    check(early, config, k_all);
  }
}

TEST_F(StepCheckGpuTest, APartOfThePairsIsEnoughToBeRight) {
  check(sample_problem(), {16, 64, 64, 1, 4, 3}, 100);
  check(plain_problem(schema::ActDtype::bfloat16), {16, 64, 64, 1, 4, 3}, 100);
}

}  // namespace
}  // namespace moetune::kernels
