// Sweeps of Triton kernels in two phases, on a GPU that computes nothing; compilers, daemon and workers are real.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;

/// Four tiles with three values of GROUP_SIZE_M.
ProblemInSpace scanned_problem() {
  return {.problem = {8, 256, 256, 2, schema::Dtype::none, schema::ActDtype::bfloat16, {}, true, false},
          .space = {{"BLOCK_SIZE_M", {16, 64}},
                    {"BLOCK_SIZE_N", {64, 128}},
                    {"BLOCK_SIZE_K", {64}},
                    {"GROUP_SIZE_M", {1, 16, 32}},
                    {"num_warps", {4}},
                    {"num_stages", {2}}},
          .batches = {1, 64}};
}

class ScanTest : public testing::Test {
 protected:
  ScanTest() { start(); }
  void SetUp() override {
    for (const json& check : daemon_->get("/doctor").json()["checks"]) {
      if (check["name"] == "Triton" && check["status"] != "ok") GTEST_SKIP() << "no Triton: " << check.dump();
    }
  }
  void start() {
    daemon_ = std::make_unique<RunningDaemon>(
        RunningDaemon::Options{.data_dir = folder_.path() / "data",
                               .cache_dir = folder_.path() / "cache",
                               .arguments = {"--compile-jobs", "2"},
                               .environment = {{"LD_LIBRARY_PATH", MOETUNE_FAKE_DRIVER}}});
  }
  static json spec() {
    json spec = scanned_problem().sweep("", true);
    for (const char* field : {"recording", "compile"}) spec.erase(field);
    spec["kernel"] = "builtin";
    return spec;
  }
  json finished(std::int64_t id) const { return daemon_->wait_for(id, {"done", "failed", "paused"}); }
  json finished(const json& spec) const { return finished(daemon_->create_sweep(spec)); }
  json rows(const std::string& kernel) const {
    return daemon_->get("/trials?limit=1000&kernel=" + kernel).json()["items"];
  }
  /// (batch, configuration) of rows.
  static std::set<std::string> keys(const json& rows) {
    std::set<std::string> keys;
    for (const json& row : rows) keys.insert(row["batch"].dump() + row["config"].dump());
    return keys;
  }

  TempFolder folder_;
  std::unique_ptr<RunningDaemon> daemon_;
};

TEST_F(ScanTest, CompilesOneKernelForAllGroupsAndConfirmsOnTheUnchangedOne) {
  const json view = finished(spec());
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon_->log();
  EXPECT_EQ(view["phase"], "measure");
  const json scanned = rows("builtin-scan");
  const json measured = rows("builtin");
  // The space and, where it is not in it, each batch's default.
  EXPECT_GE(scanned.size(), 2 * 12U);
  EXPECT_EQ(keys(scanned).size(), scanned.size());
  EXPECT_EQ(keys(measured).size(), measured.size());
  EXPECT_GE(measured.size(), 2 * 8U);
  EXPECT_EQ(view["trials"]["total"], scanned.size() + measured.size());
  EXPECT_EQ(view["trials"]["done"], view["trials"]["total"]);
  EXPECT_EQ(view["trials"]["by_status"]["ok"], view["trials"]["total"]);
  for (const json& row : scanned) EXPECT_EQ(row["samples_us"].size(), 3U);
  EXPECT_EQ(scanned[0]["kernel_digest"], measured[0]["kernel_digest"]);
  // Only rows of the unchanged kernel are chosen from.
  const json best = daemon_->get("/best?E=8&N=256").json()["results"];
  ASSERT_EQ(best.size(), 1U) << best.dump();
  EXPECT_EQ(best[0]["kernel"], "builtin");
  EXPECT_EQ(best[0]["configs"].size(), 2U);
}

TEST_F(ScanTest, NeedsFewerKernelsThanMeasuringEverything) {
  json unchanged = spec();
  unchanged["scan"] = false;
  unchanged["space"]["GROUP_SIZE_M"] = {1, 2, 4, 8, 16, 24, 32, 48, 64, 96};
  unchanged["batch"] = {64};
  json scan = unchanged;
  scan["scan"] = true;
  const json two_phases = finished(scan);
  ASSERT_EQ(two_phases["state"], "done") << two_phases.dump() << daemon_->log();
  const json all = finished(unchanged);
  ASSERT_EQ(all["state"], "done") << all.dump() << daemon_->log();
  EXPECT_EQ(all["phase"], "measure");
  EXPECT_LT(two_phases["compiles"]["done"].get<int>(),
            all["compiles"]["done"].get<int>() + all["compiles"]["cached"].get<int>());
  EXPECT_GT(all["compiles"]["cached"], 0) << "the finalists' kernels are those of the unchanged kernel";
}

TEST_F(ScanTest, GoesOnInTheSecondPhaseAfterAKill) {
  const auto id = daemon_->create_sweep(spec());
  daemon_->wait_for_trials(id, 2 * 12 + 4);
  daemon_->kill();
  start();
  const json view = finished(id);
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon_->log();
  EXPECT_EQ(view["trials"]["done"], view["trials"]["total"]);
  EXPECT_EQ(view["trials"]["total"], rows("builtin-scan").size() + rows("builtin").size());
  EXPECT_EQ(keys(rows("builtin")).size(), rows("builtin").size());
}

TEST_F(ScanTest, GoesOnInTheFirstPhaseAfterAKill) {
  const auto id = daemon_->create_sweep(spec());
  daemon_->wait_for_trials(id, 3);
  daemon_->kill();
  start();
  const json view = finished(id);
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon_->log();
  EXPECT_EQ(view["trials"]["total"], rows("builtin-scan").size() + rows("builtin").size());
}

TEST_F(ScanTest, ASecondRunCompilesNothing) {
  ASSERT_EQ(finished(spec())["state"], "done");
  const json rerun = finished(spec());
  EXPECT_EQ(rerun["compiles"]["done"], 0) << rerun.dump();
}

TEST_F(ScanTest, ASpaceWithOneGroupSizeIsMeasuredAtOnce) {
  json single = spec();
  single["space"]["GROUP_SIZE_M"] = {16};
  const json view = finished(single);
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon_->log();
  EXPECT_TRUE(rows("builtin-scan").empty());
}

}  // namespace
}  // namespace moetune::e2e
