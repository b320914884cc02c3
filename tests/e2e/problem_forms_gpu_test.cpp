// Every kind of problem that the Triton kernels compute, on a real GPU: right kernels are well within the bounds of
// their check, and mistakes are found. Needs Triton.
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <sstream>

#include "kernels/artifact_file.hpp"
#include "kernels/cuda_driver.hpp"
#include "kernels/gemm_loader.hpp"
#include "kernels/step_check.hpp"
#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"
#include "tests/kernels/artifact_maker.hpp"
#include "tests/kernels/problem_forms.hpp"
#include "tests/must.hpp"

namespace moetune::e2e {
namespace {

using kernels::testing::ProblemForm;
using nlohmann::json;

/// Text of moetune's Triton kernel that a mistake replaces.
struct Mistake {
  std::string name;
  std::string right, wrong;
};

constexpr schema::TileConfig k_tile{64, 64, 64, 1, 4, 3};
constexpr std::int64_t k_large_batch = 300;

json spec_of(const schema::Problem& problem, const std::string& kernel) {
  const ProblemInSpace all{.problem = problem,
                           .space = {{"BLOCK_SIZE_M", {k_tile.block_size_m}},
                                     {"BLOCK_SIZE_N", {k_tile.block_size_n}},
                                     {"BLOCK_SIZE_K", {k_tile.block_size_k}},
                                     {"GROUP_SIZE_M", {k_tile.group_size_m}},
                                     {"num_warps", {k_tile.num_warps}},
                                     {"num_stages", {k_tile.num_stages}}},
                           .batches = {1, k_large_batch}};
  json spec = all.sweep("", true);
  for (const char* field : {"recording", "compile"}) spec.erase(field);
  spec["kernel"] = kernel;
  return spec;
}

class ProblemFormsGpuTest : public testing::TestWithParam<ProblemForm> {
 protected:
  void SetUp() override {
    if (const auto driver = kernels::open_cuda_driver(); !driver) {
      GTEST_SKIP() << "no GPU to test on: " << driver.error().message;
    }
    if (const auto lack = RunningDaemon(options()).lacks("Triton")) GTEST_SKIP() << *lack;
  }

  RunningDaemon::Options options() const {
    return {.data_dir = folder_.path() / "data",
            .cache_dir = folder_.path() / "cache",
            .arguments = {"--gpus", "0", "--kernel-path", folder_.path().string()}};
  }

  /// The sweep's rows by status.
  json tuned(const schema::Problem& problem, const std::string& kernel) const {
    const RunningDaemon daemon(options());
    const json view = daemon.wait_for(daemon.create_sweep(spec_of(problem, kernel)), {"done", "failed", "paused"});
    EXPECT_EQ(view["state"], "done") << view.dump() << daemon.log();
    return view["trials"]["by_status"];
  }

  /// moetune's kernel with a mistake in it, under its name.
  std::string write(const Mistake& mistake) const {
    std::stringstream source;
    source << std::ifstream(MOETUNE_TRITON_KERNEL).rdbuf();
    std::string text = source.str();
    const auto at = text.find(mistake.right);
    EXPECT_NE(at, std::string::npos) << mistake.name;
    if (at != std::string::npos) text.replace(at, mistake.right.size(), mistake.wrong);
    const std::string name = mistake.name + ".py";
    std::ofstream(folder_.path() / name) << text;
    return name;
  }

  /// From the kernel cache: what computes one GEMM of the tile for batches that are aligned.
  kernels::Artifact artifact_of(const schema::Problem& problem, kernels::Gemm gemm) const {
    const auto top_k = kernels::gemm_shape(problem, 1, gemm).top_k;
    for (const auto& file : std::filesystem::recursive_directory_iterator(options().cache_dir / "artifacts")) {
      if (file.path().extension() != ".art") continue;
      auto artifact = must(kernels::read_artifact(file.path()));
      const auto constants = artifact.parts.options.value("constants", json::object());
      // The default's kernels are there too, and may have the same BLOCK_SIZE_M.
      if (constants.value("top_k", 0) == top_k && constants.value("BLOCK_SIZE_M", 0) == k_tile.block_size_m &&
          constants.value("BLOCK_SIZE_N", 0) == k_tile.block_size_n &&
          constants.value("BLOCK_SIZE_K", 0) == k_tile.block_size_k &&
          constants.value("num_warps", k_tile.num_warps) == k_tile.num_warps &&
          !constants.value("naive_block_assignment", true)) {
        return artifact;
      }
    }
    ADD_FAILURE() << "the kernel cache has no such kernel";
    return {};
  }

  TempFolder folder_;
};

TEST_P(ProblemFormsGpuTest, RightKernelsStayWellWithinTheBounds) {
  for (const bool on_input : {false, true}) {
    auto problem = GetParam().of(8, 512, 7168, 2);
    problem.router_weight_on_input = on_input;
    std::filesystem::remove_all(options().cache_dir);
    const json statuses = tuned(problem, "builtin");
    EXPECT_EQ(statuses.size(), 1U) << statuses.dump();
    EXPECT_TRUE(statuses.contains("ok")) << statuses.dump();

    const auto context = must(kernels::Context::open(0));
    const auto& info = context.device();
    const auto arch = kernels::arch_of(info.cc_major, info.cc_minor);
    const auto maker = must(kernels::testing::ArtifactMaker::create(folder_.path(), arch));
    const std::string step_code = must(kernels::read_artifact(must(maker.step()))).cubin;
    const auto step = must(kernels::StepKernels::load(std::as_bytes(std::span(step_code))));
    const auto stream = must(kernels::Stream::create());
    kernels::OpenProblem request;
    request.problem = problem;
    request.batches = {k_large_batch};
    const auto plan =
        must(kernels::plan_residency(problem, request.batches, schema::L2::cold, info.l2_bytes, 64LL << 30));
    auto resident = must(kernels::ResidentProblem::create(step, stream, request, plan));
    must(resident.prepare(k_large_batch, k_tile.block_size_m));
    const auto load = [&](kernels::Gemm gemm) {
      return must(kernels::load_gemm(artifact_of(problem, gemm), problem, k_tile, arch, info.shared_optin_bytes));
    };
    const auto first = load(kernels::Gemm::first), second = load(kernels::Gemm::second);
    const kernels::GemmCandidate candidate({first.get(), second.get()}, resident, k_large_batch, k_tile);
    kernels::PowerWatch watch(std::nullopt);
    const auto errors =
        kernels::check_step(candidate, stream, std::chrono::steady_clock::now() + std::chrono::seconds(20), watch);
    ASSERT_TRUE(errors) << errors.error().message;
    const auto bounds = kernels::bounds_of(problem);
    std::cout << short_text(problem) << ": " << explain(*errors, bounds) << "\n";
    // Half of each bound is left, so that a correct kernel is never called wrong.
    EXPECT_LT(errors->gemm_1, bounds.gemm_1 / 2);
    EXPECT_LT(errors->gemm_2, bounds.gemm_2 / 2);
    EXPECT_LT(errors->step, bounds.step / 2);
  }
}

TEST_P(ProblemFormsGpuTest, MistakesAreFound) {
  const bool per_tensor = GetParam().dtype == schema::Dtype::fp8_w8a8 && !GetParam().per_channel_quant;
  std::vector<Mistake> mistakes = {
      {"no_router_weight", "        total *= tl.load(topk_weights_ptr + pairs, mask=is_pair, other=0.0)[:, None]\n",
       "        total *= 1.0\n"},
  };
  if (per_tensor) {
    mistakes.push_back({"scale_of_a_neighbour", "tl.load(b_scale_ptr + expert)", "tl.load(b_scale_ptr + expert // 2)"});
  } else {
    mistakes.push_back({"wrong_scale_stride", "b_scale_ptr + expert * stride_bse + weight_columns * stride_bsn",
                        "b_scale_ptr + expert * (stride_bse - 1) + weight_columns * stride_bsn"});
  }
  auto problem = GetParam().of(8, 512, 1024, 2);
  problem.router_weight_on_input = true;
  for (const Mistake& mistake : mistakes) {
    const json statuses = tuned(problem, write(mistake));
    EXPECT_EQ(statuses.size(), 1U) << mistake.name << statuses.dump();
    EXPECT_TRUE(statuses.contains("wrong_result")) << mistake.name << statuses.dump();
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, ProblemFormsGpuTest, testing::ValuesIn(kernels::testing::triton_forms()),
                         [](const auto& form) { return form.param.name; });

}  // namespace
}  // namespace moetune::e2e
