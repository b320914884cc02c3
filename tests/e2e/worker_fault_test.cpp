#include <gtest/gtest.h>
#include <signal.h>

#include <optional>
#include <string_view>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

/// A fault that the worker really has, and the status that the candidates it hits must get.
struct FaultCase {
  const char* name;
  const char* kind;
  const char* status;
};

constexpr FaultCase k_compiler_faults[] = {
    {"Abort", "abort", "compiler_crash"},        {"Segfault", "segfault", "compiler_crash"},
    {"Garbage", "garbage", "compiler_crash"},    {"WrongId", "wrong_id", "compiler_crash"},
    {"HalfLine", "half_line", "compiler_crash"}, {"Flood", "flood", "compiler_crash"},
    {"ClosedPipe", "mute", "compiler_crash"},    {"ExitZero", "exit0", "compiler_crash"},
    {"Orphan", "orphan", "compiler_crash"},      {"Allocate", "allocate", "compiler_crash"},
    {"Hang", "hang", "compile_timeout"},
};
constexpr FaultCase k_measurer_faults[] = {
    {"Abort", "abort", "launch_error"},        {"Segfault", "segfault", "launch_error"},
    {"Garbage", "garbage", "launch_error"},    {"WrongId", "wrong_id", "launch_error"},
    {"HalfLine", "half_line", "launch_error"}, {"Flood", "flood", "launch_error"},
    {"ClosedPipe", "mute", "launch_error"},    {"ExitZero", "exit0", "launch_error"},
    {"Orphan", "orphan", "launch_error"},      {"Hang", "hang", "measure_timeout"},
};

class WorkerFaultTest : public testing::TestWithParam<FaultCase> {
 protected:
  /// A finished sweep of the small problem whose workers have the fault at jobs with these facts.
  nlohmann::json sweep_with(const std::string& facts, bool compile) {
    // Healthy jobs, and faults that are no hang, get time enough on a busy machine.
    const bool hangs = std::string_view(GetParam().kind) == "hang";
    daemon_.emplace(RunningDaemon::Options{
        .data_dir = folder_.path() / "data",
        .cache_dir = folder_.path() / "cache",
        .arguments = {"--compile-jobs", "2", "--compile-time-limit", hangs ? "5" : "60", "--compile-memory-limit",
                      "1024", "--measure-time-limit", hangs ? "2" : "30"},
        .environment = {{"MOETUNE_TEST_FAULT", std::string(GetParam().kind) + "@" + facts}}});
    return daemon_->wait_for(daemon_->tune(small_problem(), compile), {"done", "failed", "paused"});
  }
  /// `failed` trials have the status, all others are ok.
  void expect_failed(const nlohmann::json& view, std::size_t failed) {
    EXPECT_EQ(view["state"], "done") << view.dump() << daemon_->log();
    EXPECT_EQ(view["trials"]["by_status"],
              nlohmann::json({{GetParam().status, failed}, {"ok", small_problem().trials() - failed}}))
        << view.dump() << daemon_->log();
    const auto rows = daemon_->get(std::string("/trials?limit=1&status=") + GetParam().status).json()["items"];
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_FALSE(rows[0]["log_tail"].get<std::string>().empty());
    EXPECT_TRUE(rows[0]["latency_us"].is_null());
  }

  TempFolder folder_;
  std::optional<RunningDaemon> daemon_;
};

class CompilerFaultTest : public WorkerFaultTest {};
TEST_P(CompilerFaultTest, IsAResultForItsCandidatesAndNothingElse) {
  // One kernel: two batches with two values of GROUP_SIZE_M.
  expect_failed(sweep_with("unit=gemm,BLOCK_SIZE_M=64,BLOCK_SIZE_N=64,num_stages=2", true), 4);
}
INSTANTIATE_TEST_SUITE_P(Kinds, CompilerFaultTest, testing::ValuesIn(k_compiler_faults),
                         [](const auto& tested) { return tested.param.name; });

class MeasurerFaultTest : public WorkerFaultTest {};
TEST_P(MeasurerFaultTest, IsAResultForItsCandidatesAndNothingElse) {
  expect_failed(sweep_with("type=measure,batch=64,BLOCK_SIZE_M=32,BLOCK_SIZE_N=64,num_stages=2", false), 2);
}
INSTANTIATE_TEST_SUITE_P(Kinds, MeasurerFaultTest, testing::ValuesIn(k_measurer_faults),
                         [](const auto& tested) { return tested.param.name; });

TEST(WorkerDeathTest, AHangingCompilerIsATimeoutAndIsRememberedAcrossRuns) {
  const TempFolder folder;
  const RunningDaemon::Options options{
      .data_dir = folder.path() / "data",
      .cache_dir = folder.path() / "cache",
      .arguments = {"--compile-jobs", "2", "--compile-time-limit", "5"},
      .environment = {{"MOETUNE_TEST_FAULT", "hang@unit=gemm,BLOCK_SIZE_M=64,BLOCK_SIZE_N=64,num_stages=2"}}};
  {
    RunningDaemon daemon(options);
    const auto view = daemon.wait_for(daemon.tune(small_problem(), true), {"done", "failed"});
    EXPECT_EQ(view["trials"]["by_status"]["compile_timeout"], 4) << view.dump();
    EXPECT_EQ(daemon.terminate(), 0);
  }
  auto healthy = options;
  healthy.environment.clear();
  RunningDaemon daemon(healthy);
  auto spec = small_problem().sweep(daemon.upload(small_problem().recording()), true);
  const auto skipped = daemon.wait_for(daemon.create_sweep(spec), {"done", "failed"});
  EXPECT_EQ(skipped["trials"]["by_status"]["compile_timeout"], 4) << skipped.dump();
  EXPECT_EQ(skipped["compiles"]["done"], 0);
  spec["retry_failed"] = true;
  const auto retried = daemon.wait_for(daemon.create_sweep(spec), {"done", "failed"});
  EXPECT_EQ(retried["trials"]["by_status"], nlohmann::json({{"ok", small_problem().trials()}}));
  EXPECT_EQ(retried["compiles"]["done"], 1);
}

TEST(WorkerDeathTest, AKillFromOutsideBlamesNobody) {
  const TempFolder folder;
  RunningDaemon daemon(
      {.data_dir = folder.path() / "data", .cache_dir = folder.path() / "cache", .arguments = {"--compile-jobs", "2"}});
  const auto id = daemon.tune(small_problem(), true);
  for (std::int64_t done = 1; done < 4; ++done) {
    daemon.wait_for_trials(id, done * 8);
    for (const char* name : {"moetune-compile-worker", "moetune-measure-worker"}) {
      for (const pid_t pid : daemon.workers(name)) ::kill(pid, SIGKILL);
    }
  }
  const auto view = daemon.wait_for(id, {"done", "failed", "paused"});
  EXPECT_EQ(view["state"], "done") << daemon.log();
  EXPECT_EQ(view["trials"]["by_status"], nlohmann::json({{"ok", small_problem().trials()}}));
}

}  // namespace
}  // namespace moetune::e2e
