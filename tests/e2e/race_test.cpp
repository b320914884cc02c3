// Sweeps that race: the candidates are found out while the sweep runs. Daemon, compilers and workers are real.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;

constexpr std::size_t k_compile_slots = 2;
constexpr std::size_t k_jobs_ahead = 8;

/// 432 configurations of 144 tiles, at six batches.
ProblemInSpace large_space() {
  return {.problem = {8, 256, 256, 2, schema::Dtype::none, schema::ActDtype::bfloat16, {}, true, false},
          .space = {{"BLOCK_SIZE_M", {16, 32, 64, 128}},
                    {"BLOCK_SIZE_N", {32, 64, 128}},
                    {"BLOCK_SIZE_K", {64, 128}},
                    {"GROUP_SIZE_M", {1, 16, 32}},
                    {"num_warps", {4, 8}},
                    {"num_stages", {2, 3, 4}}},
          .batches = {1, 8, 64, 256, 1024, 4096}};
}

/// 48 configurations of 16 tiles at one batch, so that NVRTC is soon done with those that a race wants.
ProblemInSpace sixteen_tiles() {
  ProblemInSpace problem = large_space();
  problem.space["BLOCK_SIZE_M"] = {16, 32};
  problem.space["BLOCK_SIZE_K"] = {64};
  problem.space["BLOCK_SIZE_N"] = {32, 64};
  problem.space["num_stages"] = {2, 3};
  problem.batches = {64};
  return problem;
}

class RaceSweepTest : public testing::Test {
 protected:
  RunningDaemon::Options options(const std::string& fault = "") const {
    RunningDaemon::Options options{.data_dir = folder_.path() / "data",
                                   .cache_dir = folder_.path() / "cache",
                                   .arguments = {"--compile-jobs", std::to_string(k_compile_slots)}};
    if (!fault.empty()) options.environment = {{"MOETUNE_TEST_FAULT", fault}};
    return options;
  }
  /// Without the field, as most people leave it.
  static json raced(json spec) {
    spec.erase("strategy");
    return spec;
  }
  static json view_of(RunningDaemon& daemon, const json& spec) {
    return daemon.wait_for(daemon.create_sweep(spec), {"done", "failed", "paused"});
  }
  static json rows_of(const RunningDaemon& daemon, std::int64_t sweep) {
    return daemon.get("/trials?limit=1000&sweep=" + std::to_string(sweep)).json()["items"];
  }
  static std::set<std::string> keys(const json& rows) {
    std::set<std::string> keys;
    for (const json& row : rows) EXPECT_TRUE(keys.insert(row["batch"].dump() + row["config"].dump()).second);
    return keys;
  }
  std::int64_t attempts(const std::string& condition) const {
    const SQLite::Database database(folder_.path() / "data/results.db", SQLite::OPEN_READONLY);
    SQLite::Statement query(database, "SELECT count(*) FROM attempts WHERE " + condition);
    query.executeStep();
    return query.getColumn(0).getInt64();
  }

  TempFolder folder_;
};

TEST_F(RaceSweepTest, IsTheDefaultAndFindsTheSameBestAsAnExhaustiveSweep) {
  RunningDaemon daemon(options());
  json spec = raced(large_space().sweep(daemon.upload(large_space().recording()), false));
  const json raced = view_of(daemon, spec);
  ASSERT_EQ(raced["state"], "done") << raced.dump() << daemon.log();
  EXPECT_EQ(raced["spec"]["strategy"], "race");
  spec["strategy"] = "exhaustive";
  const json whole = view_of(daemon, spec);
  ASSERT_EQ(whole["state"], "done") << whole.dump() << daemon.log();
  EXPECT_EQ(whole["trials"]["total"], large_space().trials());

  EXPECT_LT(raced["trials"]["total"], large_space().trials() / 7);
  EXPECT_EQ(raced["trials"]["done"], raced["trials"]["total"]);
  EXPECT_EQ(rows_of(daemon, 1).size(), raced["trials"]["total"].get<std::size_t>());
  ASSERT_EQ(raced["best"].size(), large_space().batches.size());
  for (const auto& [batch, best] : whole["best"].items()) {
    const double latency_us = best["latency_us"];  // several configurations of a recording may share it
    EXPECT_NEAR(raced["best"][batch]["latency_us"].get<double>(), latency_us, latency_us / 1000) << batch;
    EXPECT_EQ(raced["best"][batch]["default_latency_us"], best["default_latency_us"]) << batch;
  }
}

TEST_F(RaceSweepTest, TriesWhatWasBestOfOtherProblemsFirst) {
  ProblemInSpace other = large_space();
  other.problem.num_experts = 16;
  json spec = raced(large_space().sweep("", false));
  json first_spec = raced(other.sweep("", false));
  std::int64_t id = 0;
  json first;
  {
    RunningDaemon daemon(options());
    const std::string upload = daemon.upload(large_space().recording() + other.recording());
    spec["recording"] = first_spec["recording"] = upload;
    first = view_of(daemon, first_spec);
    ASSERT_EQ(first["state"], "done") << first.dump() << daemon.log();
    EXPECT_EQ(first["neighbours"], json::array());
    json without = spec;
    without["imported"] = false;
    EXPECT_EQ(view_of(daemon, without)["neighbours"], json::array());
    id = daemon.create_sweep(spec);
    daemon.kill();
  }
  RunningDaemon daemon(options());
  const json view = daemon.wait_for(id, {"done", "failed"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  ASSERT_EQ(view["neighbours"].size(), 1U) << "not the sweep of the same problem";
  EXPECT_EQ(view["neighbours"][0]["problem"]["E"], 16);
  EXPECT_GE(view["neighbours"][0]["candidates"], 4);
  EXPECT_FALSE(daemon.get("/sweeps").json()["items"][0].contains("neighbours"));
  const auto rows = keys(rows_of(daemon, id));
  for (const char* anchor : {"1", "4096"}) {
    EXPECT_TRUE(rows.contains(anchor + first["best"][anchor]["config"].dump())) << anchor;
  }
}

TEST_F(RaceSweepTest, CompilesOnlyWhatIsInTheRace) {
  RunningDaemon daemon(options());
  const json spec = raced(sixteen_tiles().sweep(daemon.upload(sixteen_tiles().recording()), true));
  const json first = view_of(daemon, spec);
  ASSERT_EQ(first["state"], "done") << first.dump() << daemon.log();
  std::set<std::string> tiles;
  for (const json& row : rows_of(daemon, 1)) {
    json tile = row["config"];
    tile.erase("GROUP_SIZE_M");
    tiles.insert(tile.dump());
  }
  EXPECT_LT(tiles.size(), sixteen_tiles().tiles());
  EXPECT_EQ(first["compiles"], json({{"done", tiles.size()}, {"cached", 0}, {"failed", 0}}));
  const json second = view_of(daemon, spec);
  EXPECT_EQ(second["compiles"], json({{"done", 0}, {"cached", tiles.size()}, {"failed", 0}}));
  EXPECT_EQ(keys(rows_of(daemon, 1)), keys(rows_of(daemon, 2)));
}

TEST_F(RaceSweepTest, AKilledDaemonGoesOnWithTheSameRace) {
  std::set<std::string> undisturbed;
  std::int64_t compiled = 0;
  {
    TempFolder other;
    RunningDaemon daemon({.data_dir = other.path() / "data", .cache_dir = other.path() / "cache"});
    const json view = view_of(daemon, raced(sixteen_tiles().sweep(daemon.upload(sixteen_tiles().recording()), true)));
    ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
    undisturbed = keys(rows_of(daemon, 1));
    compiled = view["compiles"]["done"];
  }
  std::int64_t id = 0;
  std::size_t kills = 0;
  for (const std::int64_t trials : {1, 6, 12}) {
    RunningDaemon daemon(options());
    if (id == 0)
      id = daemon.create_sweep(raced(sixteen_tiles().sweep(daemon.upload(sixteen_tiles().recording()), true)));
    daemon.wait_for_trials(id, trials);
    daemon.kill();
    ++kills;
  }
  RunningDaemon daemon(options());
  const json view = daemon.wait_for(id, {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  EXPECT_EQ(keys(rows_of(daemon, id)), undisturbed);
  EXPECT_EQ(view["trials"]["total"], undisturbed.size());
  EXPECT_EQ(view["trials"]["done"], undisturbed.size());
  EXPECT_EQ(view["compiles"]["cached"], 0) << "its own kernels do not count as found in the cache";
  EXPECT_EQ(daemon.terminate(), 0);
  EXPECT_LE(attempts("kind = 'measure'"), static_cast<std::int64_t>(undisturbed.size() + kills * k_jobs_ahead));
  EXPECT_LE(attempts("kind = 'compile'"), compiled + static_cast<std::int64_t>(kills * k_compile_slots));
}

TEST_F(RaceSweepTest, AKernelThatCannotBeCompiledCostsItsOwnTrialsOnly) {
  RunningDaemon daemon(options("abort@unit=gemm,BLOCK_SIZE_M=32"));
  const json spec = raced(sixteen_tiles().sweep(daemon.upload(sixteen_tiles().recording()), true));
  const json view = view_of(daemon, spec);
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  const json rows = rows_of(daemon, 1);
  EXPECT_EQ(rows.size(), view["trials"]["total"].get<std::size_t>());
  std::int64_t crashed = 0;
  for (const json& row : rows) {
    const bool faulty = row["config"]["BLOCK_SIZE_M"] == 32;
    EXPECT_EQ(row["status"], faulty ? "compiler_crash" : "ok") << row.dump();
    crashed += faulty ? 1 : 0;
  }
  EXPECT_GT(crashed, 0);
  EXPECT_EQ(view["best"]["64"]["config"]["BLOCK_SIZE_M"], 16);
  // The next race knows it from the cache.
  const json again = view_of(daemon, spec);
  EXPECT_EQ(again["compiles"]["done"], 0) << again.dump();
  EXPECT_EQ(keys(rows_of(daemon, 2)), keys(rows));
}

TEST_F(RaceSweepTest, TakesOverRowsOfAnEarlierRace) {
  RunningDaemon daemon(options());
  json spec = raced(large_space().sweep(daemon.upload(large_space().recording()), false));
  const json first = view_of(daemon, spec);
  ASSERT_EQ(first["state"], "done") << first.dump();
  spec["reuse"] = true;
  const json second = view_of(daemon, spec);
  ASSERT_EQ(second["state"], "done") << second.dump();
  EXPECT_EQ(keys(rows_of(daemon, 2)), keys(rows_of(daemon, 1)));
  EXPECT_EQ(daemon.terminate(), 0);
  EXPECT_GE(attempts("sweep_id = 1 AND kind = 'measure'"), first["trials"]["total"].get<std::int64_t>());
  EXPECT_EQ(attempts("sweep_id = 2"), 0);
}

TEST_F(RaceSweepTest, AScanRacesAndItsFinalistsAreMeasuredOnTheUnchangedKernel) {
  auto on_a_gpu = options();
  on_a_gpu.environment = {{"LD_LIBRARY_PATH", MOETUNE_FAKE_DRIVER}};
  json spec = raced(sixteen_tiles().sweep("", true));
  for (const char* field : {"recording", "compile"}) spec.erase(field);
  spec["kernel"] = "builtin";
  const auto rows = [](const RunningDaemon& daemon, const std::string& kernel) {
    return daemon.get("/trials?limit=1000&kernel=" + kernel).json()["items"];
  };
  std::int64_t id = 0;
  {
    RunningDaemon daemon(on_a_gpu);
    if (const auto lack = daemon.lacks("Triton")) GTEST_SKIP() << *lack;
    id = daemon.create_sweep(spec);
    daemon.wait_for_trials(id, 3);
    daemon.kill();
  }
  RunningDaemon daemon(on_a_gpu);
  const json view = daemon.wait_for(id, {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  const json scanned = rows(daemon, "builtin-scan");
  const json measured = rows(daemon, "builtin");
  EXPECT_EQ(view["trials"]["total"], scanned.size() + measured.size());
  EXPECT_EQ(view["trials"]["done"], view["trials"]["total"]);
  EXPECT_LT(scanned.size(), sixteen_tiles().trials());
  EXPECT_GE(measured.size(), 4U);
  EXPECT_LE(measured.size(), 9U) << "the default and at most eight finalists";
  for (const json& row : measured) EXPECT_TRUE(keys(scanned).contains(row["batch"].dump() + row["config"].dump()));
}

}  // namespace
}  // namespace moetune::e2e
