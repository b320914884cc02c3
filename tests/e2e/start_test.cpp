// Sweeps that cannot start when a daemon comes up: they say why and hold nobody up.
#include <gtest/gtest.h>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

class StartTest : public testing::Test {
 protected:
  RunningDaemon::Options options() const {
    return {.data_dir = folder_.path() / "data", .cache_dir = folder_.path() / "cache"};
  }
  /// A machine with a GPU, as far as the driver's answers go.
  RunningDaemon::Options with_gpu() const {
    auto options = this->options();
    options.environment = {{"LD_LIBRARY_PATH", MOETUNE_FAKE_DRIVER}};
    return options;
  }
  static nlohmann::json gpu_sweep() {
    auto spec = small_problem().sweep("", true);
    spec.erase("recording");
    spec.erase("compile");
    return spec;
  }
  static std::string said(const nlohmann::json& view) { return view["error"].is_string() ? view["error"] : ""; }

  TempFolder folder_;
};

TEST_F(StartTest, WithoutItsGpuASweepWaitsPausedAndTheNextOneRuns) {
  std::int64_t running = 0;
  std::int64_t queued = 0;
  {
    RunningDaemon daemon(with_gpu());
    running = daemon.create_sweep(gpu_sweep());
    queued = daemon.create_sweep(gpu_sweep());
    daemon.wait_for(running, {"running"});
    daemon.kill();
  }
  {
    RunningDaemon daemon(options());
    const auto recorded = daemon.tune(small_problem(), false);
    EXPECT_EQ(daemon.wait_for(recorded, {"done", "failed"}, std::chrono::seconds(30))["state"], "done") << daemon.log();
    for (const auto id : {running, queued}) {
      const auto view = daemon.sweep(id);
      EXPECT_EQ(view["state"], "paused") << view.dump();
      EXPECT_NE(said(view).find("no GPU"), std::string::npos) << view.dump();
    }
    EXPECT_EQ(daemon.terminate(), 0);
  }
  RunningDaemon daemon(with_gpu());
  EXPECT_EQ(daemon.post("/sweeps/" + std::to_string(running) + "/resume").status, 200);
  EXPECT_EQ(daemon.wait_for(running, {"running"})["state"], "running");
}

TEST_F(StartTest, WithoutItsRecordingASweepFailsAndTheNextOneRuns) {
  std::int64_t id = 0;
  {
    RunningDaemon daemon(options());
    id = daemon.tune(small_problem(), true);
    daemon.wait_for(id, {"running"});
    daemon.kill();
  }
  std::filesystem::remove_all(options().data_dir / "uploads");
  RunningDaemon daemon(options());
  const auto recording = small_problem().recording([](schema::Trial& row) { row.driver = "another"; });
  const auto other = daemon.create_sweep(small_problem().sweep(daemon.upload(recording), false));
  EXPECT_EQ(daemon.wait_for(other, {"done", "failed"}, std::chrono::seconds(30))["state"], "done") << daemon.log();
  const auto view = daemon.sweep(id);
  EXPECT_EQ(view["state"], "failed") << view.dump();
  EXPECT_NE(said(view).find("its recording is gone"), std::string::npos) << view.dump();
}

TEST_F(StartTest, ANamedKernelThatTheRecordingLacksIsRefused) {
  RunningDaemon daemon(options());
  auto spec = small_problem().sweep(daemon.upload(small_problem().recording()), false);
  spec["kernel"] = "vllm";
  const auto answer = daemon.post("/sweeps", spec.dump());
  EXPECT_EQ(answer.status, 404) << answer.body;
  EXPECT_NE(answer.body.find("no rows of kernel vllm"), std::string::npos) << answer.body;
}

}  // namespace
}  // namespace moetune::e2e
