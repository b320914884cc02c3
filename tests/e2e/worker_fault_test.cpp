#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

/// A fault that the worker really has, and the status that the candidates it hits must get.
struct FaultCase {
  const char* name;
  const char* fault;
  const char* status;
};

class WorkerFaultTest : public testing::TestWithParam<FaultCase> {};

/// The fault hits what has BLOCK_SIZE_M 64: a third of the kernels, or of the trials.
TEST_P(WorkerFaultTest, IsAResultForItsCandidatesAndNothingElse) {
  const TempFolder folder;
  RunningDaemon daemon({.data_dir = folder.path() / "data",
                        .cache_dir = folder.path() / "cache",
                        .arguments = {"--compile-jobs", "2", "--compile-time-limit", "3", "--compile-memory-limit",
                                      "1024", "--measure-time-limit", "2"},
                        .environment = {{"MOETUNE_TEST_FAULT", GetParam().fault}}});
  const auto view = daemon.wait_for(daemon.tune(small_problem(), true), {"done", "failed", "paused"});
  EXPECT_EQ(view["state"], "done") << view.dump() << daemon.log();
  const auto& counts = view["trials"]["by_status"];
  EXPECT_EQ(counts[GetParam().status].get<std::size_t>() * 3, small_problem().trials()) << view.dump() << daemon.log();
  EXPECT_EQ(counts["ok"].get<std::size_t>() * 3, small_problem().trials() * 2) << view.dump();
  const auto rows = daemon.get(std::string("/trials?limit=1&status=") + GetParam().status).json()["items"];
  EXPECT_FALSE(rows[0]["log_tail"].get<std::string>().empty());
  EXPECT_TRUE(rows[0]["latency_us"].is_null());
}

INSTANTIATE_TEST_SUITE_P(Compiler, WorkerFaultTest,
                         testing::Values(FaultCase{"Abort", "abort@unit=gemm,BLOCK_SIZE_M=64", "compiler_crash"},
                                         FaultCase{"Garbage", "garbage@unit=gemm,BLOCK_SIZE_M=64", "compiler_crash"},
                                         FaultCase{"ExitZero", "exit0@unit=gemm,BLOCK_SIZE_M=64", "compiler_crash"},
                                         FaultCase{"Orphan", "orphan@unit=gemm,BLOCK_SIZE_M=64", "compiler_crash"},
                                         FaultCase{"Allocate", "allocate@unit=gemm,BLOCK_SIZE_M=64", "compiler_crash"}),
                         [](const auto& tested) { return tested.param.name; });

TEST(WorkerDeathTest, AHangingCompilerIsATimeoutAndIsRememberedAcrossRuns) {
  const TempFolder folder;
  const RunningDaemon::Options options{
      .data_dir = folder.path() / "data",
      .cache_dir = folder.path() / "cache",
      .arguments = {"--compile-jobs", "2", "--compile-time-limit", "2"},
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

TEST(WorkerDeathTest, AMeasureWorkerThatDiesOfACandidateFailsThatCandidateOnly) {
  const TempFolder folder;
  RunningDaemon daemon(
      {.data_dir = folder.path() / "data",
       .cache_dir = folder.path() / "cache",
       .environment = {
           {"MOETUNE_TEST_FAULT", "segfault@type=measure,batch=64,BLOCK_SIZE_M=32,BLOCK_SIZE_N=64,num_stages=2"}}});
  const auto view = daemon.wait_for(daemon.tune(small_problem(), false), {"done", "failed"});
  EXPECT_EQ(view["trials"]["by_status"], nlohmann::json({{"ok", small_problem().trials() - 2}, {"launch_error", 2}}))
      << view.dump() << daemon.log();
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
