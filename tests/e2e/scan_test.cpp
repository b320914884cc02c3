// Exhaustive sweeps of Triton kernels in two phases, on a GPU that computes nothing; compilers, daemon and workers are
// real.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

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
    if (const auto lack = daemon_->lacks("Triton")) GTEST_SKIP() << *lack;
  }
  void start(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.end(), {"--compile-jobs", "2"});
    daemon_ = std::make_unique<RunningDaemon>(
        RunningDaemon::Options{.data_dir = folder_.path() / "data",
                               .cache_dir = folder_.path() / "cache",
                               .arguments = arguments,
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
  void wait_for_phase(std::int64_t id, const std::string& phase) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (std::chrono::steady_clock::now() < end) {
      if (daemon_->get("/sweeps/" + std::to_string(id)).json()["phase"] == phase) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ADD_FAILURE() << "phase " << phase << " never came: " << daemon_->log();
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
  const auto file = daemon_->get("/export?E=8&N=256&kernel=builtin-scan");
  EXPECT_EQ(file.status, 409);
  EXPECT_THAT(file.json()["error"]["message"].get<std::string>(), testing::HasSubstr("no file is made from them"));
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
  wait_for_phase(id, "measure");
  const json before = daemon_->get("/sweeps/" + std::to_string(id)).json();
  ASSERT_EQ(before["state"], "running") << before.dump();
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
  ASSERT_EQ(daemon_->get("/sweeps/" + std::to_string(id)).json()["phase"], "scan");
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

TEST_F(ScanTest, PausesAndGoesOnInBothPhases) {
  const auto id = daemon_->create_sweep(spec());
  for (const char* phase : {"scan", "measure"}) {
    wait_for_phase(id, phase);
    daemon_->post("/sweeps/" + std::to_string(id) + "/pause", "{}");
    daemon_->post("/sweeps/" + std::to_string(id) + "/resume", "{}");
  }
  const json view = finished(id);
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon_->log();
  EXPECT_EQ(view["trials"]["done"], view["trials"]["total"]);
}

TEST_F(ScanTest, ReusesAWholeMeasurementInThePlaceOfAScan) {
  json whole = spec();
  whole["scan"] = false;
  whole["batch"] = {64};
  const json first = finished(whole);
  ASSERT_EQ(first["state"], "done") << first.dump() << daemon_->log();
  whole["scan"] = true;
  whole["reuse"] = true;
  const json again = finished(whole);
  EXPECT_EQ(again["trials"], first["trials"]);
  EXPECT_EQ(again["compiles"]["done"], 0);
  EXPECT_TRUE(rows("builtin-scan").empty());
}

/// moetune's kernel, which no longer compiles when it takes GROUP_SIZE_M at run time.
void write_kernel_that_needs_a_constant(const std::filesystem::path& file) {
  std::stringstream source;
  source << std::ifstream(MOETUNE_TRITON_KERNEL).rdbuf();
  std::string text = source.str();
  const std::string after = "    lanes = tl.arange(0, BLOCK_SIZE_M)\n";
  const auto at = text.find(after);
  ASSERT_NE(at, std::string::npos);
  text.insert(at + after.size(), "    lanes += 0 * tl.sum(tl.arange(0, GROUP_SIZE_M))\n");
  std::ofstream(file) << text;
}

TEST_F(ScanTest, AKernelThatCannotBeScannedIsMeasuredWhole) {
  write_kernel_that_needs_a_constant(folder_.path() / "constant.py");
  daemon_.reset();
  start({"--kernel-path", folder_.path().string()});
  json constant = spec();
  constant["kernel"] = "constant.py";
  constant["batch"] = {64};
  const json view = finished(constant);
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon_->log();
  const json scanned = rows("constant.py-scan");
  const json measured = rows("constant.py");
  EXPECT_EQ(keys(measured), keys(scanned)) << "every candidate is measured on the unchanged kernel";
  for (const json& row : scanned) EXPECT_EQ(row["status"], "compile_error");
  for (const json& row : measured) EXPECT_EQ(row["status"], "ok") << row.dump();
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
