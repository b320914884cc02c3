// Sweeps on two GPUs that compute nothing.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;

ProblemInSpace six_batches() {
  return {.problem = {8, 256, 256, 2, schema::Dtype::none, schema::ActDtype::bfloat16, {}, true, false},
          .space = {{"BLOCK_SIZE_M", {16, 32}},
                    {"BLOCK_SIZE_N", {32, 64}},
                    {"BLOCK_SIZE_K", {64}},
                    {"GROUP_SIZE_M", {1, 8, 16, 32}},
                    {"num_warps", {4}},
                    {"num_stages", {2, 3}}},
          .batches = {1, 8, 64, 128, 256, 512}};
}

class SeveralGpusTest : public testing::Test {
 protected:
  RunningDaemon::Options options(const std::string& delay_ms = "10") const {
    return {.data_dir = folder_.path() / "data",
            .cache_dir = folder_.path() / "cache",
            .arguments = {"--compile-jobs", "2"},
            .environment = {{"LD_LIBRARY_PATH", MOETUNE_FAKE_DRIVER},
                            {"FAKE_CUDA_DEVICES", "2"},
                            {"MOETUNE_TEST_MEASURE_DELAY_MS", delay_ms}}};
  }
  static json spec(const std::string& strategy) {
    json spec = six_batches().sweep("", false);
    for (const char* field : {"recording", "compile"}) spec.erase(field);
    spec["kernel"] = "cuda";
    spec["strategy"] = strategy;
    return spec;
  }
  /// By batch the GPUs that measured its rows.
  static std::map<std::int64_t, std::set<std::string>> gpus_of_batches(const RunningDaemon& daemon, std::int64_t id) {
    std::map<std::int64_t, std::set<std::string>> gpus;
    const Answer answer = daemon.get("/trials?limit=1000&sweep=" + std::to_string(id));
    EXPECT_EQ(answer.status, 200) << answer.body;
    const json rows = answer.json()["items"];
    for (const json& row : rows) {
      gpus[row["batch"]].insert(row["gpu_uuid"]);
    }
    return gpus;
  }
  static void expect_shared_out(const std::map<std::int64_t, std::set<std::string>>& gpus) {
    std::set<std::string> all;
    ASSERT_EQ(gpus.size(), six_batches().batches.size());
    for (const auto& [batch, of_batch] : gpus) {
      EXPECT_EQ(of_batch.size(), 1U) << batch;
      all.insert(of_batch.begin(), of_batch.end());
    }
    EXPECT_EQ(all.size(), 2U);
  }

  TempFolder folder_;
};

TEST_F(SeveralGpusTest, ABatchIsMeasuredByOneGpuAlone) {
  RunningDaemon daemon(options());
  for (const char* strategy : {"exhaustive", "race"}) {
    const auto id = daemon.create_sweep(spec(strategy));
    const json view = daemon.wait_for(id, {"done", "failed", "paused"});
    ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
    expect_shared_out(gpus_of_batches(daemon, id));
  }
}

TEST_F(SeveralGpusTest, AKilledDaemonLeavesEachBatchToItsGpu) {
  std::int64_t id = 0;
  for (const std::int64_t trials : {20, 80, 140}) {
    RunningDaemon daemon(options());
    if (id == 0) id = daemon.create_sweep(spec("exhaustive"));
    daemon.wait_for_trials(id, trials);
    daemon.kill();
  }
  RunningDaemon daemon(options("0"));
  const json view = daemon.wait_for(id, {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  expect_shared_out(gpus_of_batches(daemon, id));
  const SQLite::Database database(folder_.path() / "data/results.db", SQLite::OPEN_READONLY);
  SQLite::Statement owners(database, "SELECT count(*) FROM sweep_batches");
  owners.executeStep();
  EXPECT_EQ(owners.getColumn(0).getInt64(), six_batches().batches.size());
}

}  // namespace
}  // namespace moetune::e2e
