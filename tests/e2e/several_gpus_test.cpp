// Sweeps on two GPUs that compute nothing.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

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
  RunningDaemon::Options with(std::vector<std::pair<std::string, std::string>> more) const {
    RunningDaemon::Options all = options();
    all.environment.insert(all.environment.end(), more.begin(), more.end());
    return all;
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

TEST_F(SeveralGpusTest, GpusOfOneNameThatDifferInSpeedAreNoticed) {
  RunningDaemon daemon(with({{"FAKE_CUDA_SLOWER_PERCENT", "5"}}));
  const auto id = daemon.create_sweep(spec("race"));
  const json view = daemon.wait_for(id, {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  ASSERT_EQ(view["gpus"].size(), 2U);
  EXPECT_TRUE(view["gpus"][0]["slower_by"].is_null());
  EXPECT_NEAR(view["gpus"][1]["slower_by"].get<double>(), 0.05, 0.001);
  ASSERT_EQ(view["warnings"].size(), 1U) << view["warnings"].dump();
  EXPECT_THAT(view["warnings"][0].get<std::string>(), HasSubstr("GPU 1 is 5.0 % slower than GPU 0"));
  EXPECT_THAT(daemon.log(), HasSubstr("GPU 1 is 5.0 % slower than GPU 0"));
  EXPECT_FALSE(daemon.get("/sweeps").json()["items"][0].contains("gpus"));
}

TEST_F(SeveralGpusTest, AGpuThatDriftsIsWaitedFor) {
  const auto slow = folder_.path() / "slow";
  RunningDaemon daemon(with({{"FAKE_CUDA_SLOW_WHILE", slow.string()}, {"MOETUNE_TEST_ANCHOR_EVERY_MS", "100"}}));
  json one_gpu = spec("exhaustive");
  one_gpu["gpus"] = {0};
  const auto id = daemon.create_sweep(one_gpu);
  const auto view = [&] { return daemon.get("/sweeps/" + std::to_string(id)).json(); };
  const auto wait_until = [&](const std::function<bool(const json&)>& holds) {
    for (int i = 0; i < 1000 && !holds(view()); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  // The begin, which tells what is usual, takes four.
  wait_until([](const json& sweep) { return !sweep["gpus"].empty() && sweep["gpus"][0]["readings"] >= 6; });
  std::ofstream(slow) << "x";
  wait_until([](const json& sweep) { return sweep["error"].is_string(); });
  EXPECT_THAT(view()["error"].dump(), HasSubstr("waits for GPU 0, which is drifted: what took 100 us at the begin"));
  EXPECT_EQ(view()["state"], "running");
  std::this_thread::sleep_for(std::chrono::milliseconds(700));  // until several readings agree
  std::filesystem::remove(slow);
  const json done = daemon.wait_for(id, {"done", "failed", "paused"});
  ASSERT_EQ(done["state"], "done") << done.dump() << daemon.log();
  EXPECT_TRUE(done["error"].is_null());
  EXPECT_EQ(done["gpus"][0]["state"], "good");
  ASSERT_EQ(done["gpus"][0]["doubtful"].size(), 1U) << done["gpus"].dump();
  EXPECT_EQ(done["gpus"][0]["doubtful"][0]["state"], "drifted");
  EXPECT_GT(done["gpus"][0]["doubtful"][0]["rows"], 0);
  EXPECT_THAT(done["warnings"][0].get<std::string>(), HasSubstr("GPU 0 was drifted from "));
}

TEST_F(SeveralGpusTest, AnAnchorThatEndsTheWorkerBlamesNobody) {
  RunningDaemon daemon(with({{"MOETUNE_TEST_FAULT", "abort@anchor=true"}}));
  const auto id = daemon.create_sweep(spec("exhaustive"));
  const json view = daemon.wait_for(id, {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  EXPECT_EQ(view["trials"]["by_status"], json({{"ok", view["trials"]["total"]}}));
  EXPECT_EQ(view["gpus"], json::array());
  const SQLite::Database database(folder_.path() / "data/results.db", SQLite::OPEN_READONLY);
  SQLite::Statement blamed(database,
                           "SELECT count(*) FROM attempt_outcomes WHERE outcome IN ('worker_failed', 'timed_out')");
  blamed.executeStep();
  EXPECT_EQ(blamed.getColumn(0).getInt64(), 0);
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

TEST_F(SeveralGpusTest, ReuseOnAnotherGpuMeasuresTheDefaultAnewWhereSomethingIsNew) {
  RunningDaemon daemon(with({{"MOETUNE_TEST_MEASURE_DELAY_MS", "0"}}));
  json spec = SeveralGpusTest::spec("exhaustive");
  spec["batch"] = {1, 64};
  spec["gpus"] = {0};
  spec["space"]["num_stages"] = {3};
  const json narrow = daemon.wait_for(daemon.create_sweep(spec), {"done", "failed", "paused"});
  ASSERT_EQ(narrow["state"], "done") << narrow.dump() << daemon.log();
  spec["gpus"] = {1};
  spec["space"]["num_stages"] = {2, 3};
  spec["reuse"] = true;
  const json wide = daemon.wait_for(daemon.create_sweep(spec), {"done", "failed", "paused"});
  ASSERT_EQ(wide["state"], "done") << wide.dump() << daemon.log();
  const SQLite::Database database(folder_.path() / "data/results.db", SQLite::OPEN_READONLY);
  SQLite::Statement defaults(database,
                             "SELECT count(*), count(DISTINCT e.gpu_uuid), max(e.gpu_uuid) FROM runs r "
                             "JOIN run_defaults d ON d.run_id = r.id "
                             "JOIN trials t ON t.run_id = r.id AND t.batch = d.batch AND t.config_id = d.config_id "
                             "JOIN environments e ON e.id = t.environment_id WHERE r.sweep_id = ?");
  defaults.bind(1, wide["id"].get<std::int64_t>());
  ASSERT_TRUE(defaults.executeStep());
  EXPECT_EQ(defaults.getColumn(0).getInt(), 2);
  EXPECT_EQ(defaults.getColumn(1).getInt(), 1);
  EXPECT_THAT(defaults.getColumn(2).getString(), HasSubstr("GPU-22222222-"));
}

TEST_F(SeveralGpusTest, AGpuThatTakesABatchOverMeasuresAnewWhatIsCompared) {
  std::int64_t id = 0;
  {
    RunningDaemon daemon(options());
    id = daemon.create_sweep(spec("exhaustive"));
    daemon.wait_for_trials(id, 80);
    daemon.kill();
  }
  RunningDaemon daemon(with({{"FAKE_CUDA_DEVICES", "1"}, {"MOETUNE_TEST_MEASURE_DELAY_MS", "0"}}));
  const json view = daemon.wait_for(id, {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  ASSERT_EQ(view["warnings"].size(), 1U) << view["warnings"].dump();
  EXPECT_THAT(view["warnings"][0].get<std::string>(),
              AllOf(HasSubstr("taken over by GPU-11111111-"), HasSubstr("begun on GPU-22222222-")));
  const auto gpus = gpus_of_batches(daemon, id);
  const json rows = daemon.get("/trials?limit=1000&sweep=" + std::to_string(id)).json()["items"];
  std::size_t of_two = 0;
  for (const auto& [batch, best] : view["best"].items()) {
    of_two += gpus.at(std::stoll(batch)).size() - 1;
    const auto gpu_of = [&](const json& config) {
      const auto row = std::ranges::find_if(rows, [&, number = std::stoll(batch)](const json& each) {
        return each["batch"] == number && each["config"] == config;
      });
      return row->at("gpu_uuid");
    };
    EXPECT_EQ(gpu_of(best["chosen"]["config"]), *gpus.at(std::stoll(batch)).begin()) << batch;
  }
  EXPECT_GT(of_two, 0U);
  const SQLite::Database database(folder_.path() / "data/results.db", SQLite::OPEN_READONLY);
  SQLite::Statement mixed(database, "SELECT count(*) FROM samples WHERE gpu_uuid IS NULL");
  mixed.executeStep();
  EXPECT_EQ(mixed.getColumn(0).getInt64(), 0);
}

}  // namespace
}  // namespace moetune::e2e
