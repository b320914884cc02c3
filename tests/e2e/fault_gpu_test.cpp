// Sweeps on a real GPU whose kernels misbehave, whose device is shared, or whose memory is taken.
#include <gtest/gtest.h>

#include <iostream>
#include <map>

#include "kernels/artifact_file.hpp"
#include "kernels/compile_plan.hpp"
#include "kernels/cuda_driver.hpp"
#include "kernels/cuda_kernel.hpp"
#include "kernels/nvrtc.hpp"
#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"
#include "tests/kernels/artifact_maker.hpp"

namespace moetune::e2e {
namespace {

using kernels::testing::ArtifactMaker;

/// What a kernel does instead of its work, by tile.
using Misdeeds = std::map<schema::TileConfig, std::string>;

class FaultGpuTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto driver = kernels::open_cuda_driver();
    if (!driver) GTEST_SKIP() << "no GPU to test on: " << driver.error().message;
    const auto info = kernels::device_info(0).value();
    arch_ = kernels::arch_of(info.cc_major, info.cc_minor);
  }

  RunningDaemon::Options options(const std::string& name = "one") const {
    return {.data_dir = folder_.path() / name / "data",
            .cache_dir = folder_.path() / name / "cache",
            .arguments = {"--gpus", "0", "--measure-time-limit", "3"}};
  }
  static nlohmann::json spec_of(const ProblemInSpace& problem) {
    auto spec = problem.sweep("", true);
    spec.erase("recording");
    spec.erase("compile");
    return spec;
  }
  static nlohmann::json finished(const RunningDaemon& daemon, const ProblemInSpace& problem) {
    return daemon.wait_for(daemon.create_sweep(spec_of(problem)), {"done", "failed", "paused"});
  }

  /// Replaces the code of tiles in the kernel cache by a kernel with another body.
  void corrupt(const std::filesystem::path& cache, const schema::Problem& problem, const Misdeeds& misdeeds) {
    const auto maker = ArtifactMaker::create(folder_.path(), arch_).value();
    const auto compiler = kernels::Nvrtc::open().value().compiler_text();
    int number = 0;
    for (const auto& [config, body] : misdeeds) {
      const kernels::CompileJob job{
          .id = 0, .unit = kernels::Unit::gemm, .arch = arch_, .problem = problem, .config = config, .output = ""};
      const auto key = kernels::ArtifactKey::of(kernels::artifact_parts(job, compiler).value());
      const auto path = kernels::artifact_path(cache, key);
      auto artifact = kernels::read_artifact(path, key);
      ASSERT_TRUE(artifact) << artifact.error().message;
      const auto impostor = maker.impostor("impostor" + std::to_string(++number),
                                           "extern \"C\" __global__ void moe_gemm() {" + body + "}");
      artifact->cubin = kernels::read_artifact(impostor.value()).value().cubin;
      ASSERT_TRUE(kernels::write_artifact(path, *artifact));
    }
  }

  TempFolder folder_;
  std::string arch_;
};

TEST_F(FaultGpuTest, EachMisdeedIsTheResultOfItsTileAndTheSweepEnds) {
  const auto problem = small_problem();
  const auto tile = [](int n, int stages) { return schema::TileConfig{64, n, 128, 1, 4, stages}; };
  {
    RunningDaemon daemon(options());
    const auto view = finished(daemon, problem);
    ASSERT_EQ(view["trials"]["by_status"], nlohmann::json({{"ok", problem.trials()}})) << view.dump() << daemon.log();
    EXPECT_EQ(daemon.terminate(), 0);
  }
  corrupt(options().cache_dir, problem.problem,
          {{tile(64, 2), "*reinterpret_cast<volatile int*>(64) = 1;"},
           {tile(64, 3), "for (volatile int i = 0;; i = i + 1) {}"},
           {tile(128, 2), ""}});
  RunningDaemon daemon(options());
  const auto view = finished(daemon, problem);
  EXPECT_EQ(view["state"], "done") << daemon.log();
  EXPECT_EQ(view["compiles"]["done"], 0);
  // Each tile has two batches and two values of GROUP_SIZE_M.
  EXPECT_EQ(
      view["trials"]["by_status"],
      nlohmann::json({{"launch_error", 4}, {"measure_timeout", 4}, {"wrong_result", 4}, {"ok", problem.trials() - 12}}))
      << view.dump() << daemon.log();
}

TEST_F(FaultGpuTest, TwoDaemonsOnOneGpuBothFinish) {
  const auto problem = small_problem();
  RunningDaemon first(options("one"));
  RunningDaemon second(options("two"));
  const auto first_id = first.create_sweep(spec_of(problem));
  const auto second_id = second.create_sweep(spec_of(problem));
  for (const auto& [daemon, id] : {std::pair(&first, first_id), std::pair(&second, second_id)}) {
    const auto view = daemon->wait_for(id, {"done", "failed", "paused"});
    EXPECT_EQ(view["state"], "done") << view.dump() << daemon->log();
    EXPECT_EQ(view["trials"]["by_status"], nlohmann::json({{"ok", problem.trials()}})) << view.dump();
  }
}

TEST_F(FaultGpuTest, WithTheMemoryNearlyFullTheSweepSaysSoAndLaterRuns) {
  auto problem = small_problem();
  problem.problem.num_experts = 256;
  problem.problem.intermediate_size = 1024;
  problem.problem.hidden_size = 4096;
  problem.batches = {1};
  RunningDaemon daemon(options());
  {
    const auto context = kernels::Context::open(0).value();
    constexpr std::int64_t k_left = 2LL << 30;
    const auto taken =
        kernels::DeviceBuffer::allocate(static_cast<std::size_t>(context.memory().value().free - k_left));
    ASSERT_TRUE(taken) << taken.error().message;
    const auto view = finished(daemon, problem);
    EXPECT_EQ(view["state"], "paused") << view.dump() << daemon.log();
    EXPECT_TRUE(view["error"].is_string() && view["error"].get<std::string>().find("memory") != std::string::npos)
        << view.dump();
    std::cout << view["error"] << "\n";
  }
  EXPECT_EQ(daemon.post("/sweeps/1/resume").status, 200);
  const auto view = daemon.wait_for(1, {"done", "failed", "paused"});
  EXPECT_EQ(view["state"], "done") << view.dump() << daemon.log();
}

}  // namespace
}  // namespace moetune::e2e
