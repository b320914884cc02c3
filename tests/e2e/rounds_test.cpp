#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "schema/engine_rules.hpp"
#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;

constexpr std::size_t k_jobs_ahead = 8;

std::int64_t count(const std::filesystem::path& data_dir, const std::string& query) {
  const SQLite::Database database(data_dir / "results.db", SQLite::OPEN_READONLY);
  SQLite::Statement statement(database, query);
  statement.executeStep();
  return statement.getColumn(0).getInt64();
}

/// Sweeps whose candidates take turns, on a recording.
class RoundsTest : public testing::Test {
 protected:
  RunningDaemon::Options options(const std::string& name = "data") const {
    return {.data_dir = folder_.path() / name, .cache_dir = folder_.path() / "cache"};
  }
  /// Eight batches, each with two configurations of the space beside its default.
  static ProblemInSpace problem() {
    ProblemInSpace problem = small_problem();
    problem.batches = {1, 2, 4, 8, 16, 32, 64, 128};
    return problem;
  }
  static json config(int block_m, int stages) {
    return schema::to_json(schema::TileConfig{block_m, 64, 128, 1, 4, stages});
  }
  /// Configurations with 2 and 3 stages differ by a microsecond; some samples are noisy.
  static std::string recording() {
    return problem().recording([](schema::Trial& row) {
      const double noise = row.batch % 3 == 1 ? 0.02 : 0.001;
      row.samples_us.clear();
      for (int i = -4; i <= 4; ++i) row.samples_us.push_back(*row.latency_us * (1 + noise * i));
      if (row.batch != 128 || row.config.num_stages != 3 || row.config.block_size_m != 16) return;
      row.status = schema::TrialStatus::out_of_resources;
      row.latency_us.reset();
      row.samples_us.clear();
      row.log_tail = "needs too much shared memory";
    });
  }
  static std::int64_t create(const RunningDaemon& daemon, bool compile = false) {
    json spec = problem().sweep(daemon.upload(recording()), compile);
    spec.erase("space");
    spec.erase("batch");
    for (const auto batch : problem().batches) {
      for (const int stages : {2, 3}) spec["candidates"].push_back({{"batch", batch}, {"config", config(16, stages)}});
    }
    spec["rounds"] = json::object();
    return daemon.create_sweep(spec);
  }
  static json comparison(const RunningDaemon& daemon, std::int64_t id) {
    return daemon.get("/sweeps/" + std::to_string(id) + "/comparison").json();
  }

  TempFolder folder_;
};

TEST_F(RoundsTest, CandidatesTakeTurnsAndAreCompared) {
  RunningDaemon daemon(options());
  const auto id = create(daemon);
  ASSERT_EQ(daemon.wait_for(id, {"done", "failed"})["state"], "done") << daemon.log();
  const json body = comparison(daemon, id);
  std::set<std::size_t> rounds_seen;
  for (const json& batch : body["batches"]) {
    ASSERT_EQ(batch["contenders"].size(), 3U) << batch;
    std::set<std::size_t> rounds;
    for (const json& contender : batch["contenders"]) {
      if (contender["status"] == "ok") rounds.insert(contender["rounds_us"].size());
    }
    ASSERT_EQ(rounds.size(), 1U) << batch;  // all alike
    rounds_seen.insert(rounds.begin(), rounds.end());
    EXPECT_EQ(batch["default"]["config"],
              json(schema::to_json(schema::effective_config(
                  problem().problem, schema::default_config(problem().problem, batch["batch"])))));
  }
  EXPECT_EQ(rounds_seen, (std::set<std::size_t>{10, 20}));
  const json& refused = body["batches"][7];
  EXPECT_EQ(refused["contenders"][2]["status"], "out_of_resources");
  EXPECT_EQ(refused["pairs"].size(), 1U);
  // The rows are rows like all others.
  EXPECT_EQ(daemon.get("/best?E=8&N=256").json()["results"][0]["configs"]["2"]["samples"], 30);
  const auto row = json::parse(daemon.get("/trials?batch=2&format=jsonl&limit=1").body);
  EXPECT_EQ(row["samples_us"].size(), 30U);
}

TEST_F(RoundsTest, AKilledDaemonGoesOnInTheMiddleOfTheRounds) {
  json undisturbed;
  std::int64_t measurements = 0;
  const std::string attempts = "SELECT count(*) FROM attempts WHERE kind = 'measure'";
  {
    RunningDaemon daemon(options("other"));
    const auto id = create(daemon, true);
    ASSERT_EQ(daemon.wait_for(id, {"done", "failed"})["state"], "done") << daemon.log();
    undisturbed = comparison(daemon, id);
    EXPECT_EQ(daemon.terminate(), 0);
    measurements = count(folder_.path() / "other", attempts);
  }
  std::int64_t id = 0;
  std::int64_t cut_in_the_middle = 0;
  std::size_t kills = 0;
  for (const std::int64_t rows : {1, 7, 13, 19}) {
    RunningDaemon daemon(options());
    if (id == 0) id = create(daemon, true);
    daemon.wait_for_trials(id, rows);
    daemon.kill();
    ++kills;
    cut_in_the_middle += count(folder_.path() / "data",
                               "SELECT count(*) FROM (SELECT DISTINCT batch, config_id FROM samples EXCEPT "
                               "SELECT batch, config_id FROM trials)");
  }
  EXPECT_GT(cut_in_the_middle, 0) << "no kill met a candidate between two of its rounds";
  RunningDaemon daemon(options());
  ASSERT_EQ(daemon.wait_for(id, {"done", "failed"})["state"], "done") << daemon.log();
  EXPECT_EQ(comparison(daemon, id)["batches"], undisturbed["batches"]);
  EXPECT_EQ(daemon.terminate(), 0);
  EXPECT_LE(count(folder_.path() / "data", attempts), measurements + static_cast<std::int64_t>(kills * k_jobs_ahead));
}

/// A candidate of a batch crashes after `had` rounds; the others of the batch end with `others` of them.
struct LateCrash {
  std::int64_t batch = 8;
  std::size_t had = 4;
  std::size_t others = 10;
};

class LateCrashTest : public RoundsTest, public testing::WithParamInterface<LateCrash> {};

TEST_P(LateCrashTest, FailsAloneAndTheOthersAreLookedAtWhenTheyAlwaysAre) {
  const LateCrash crash = GetParam();
  RunningDaemon::Options crashing = options();
  crashing.environment = {
      {"MOETUNE_TEST_FAULT",
       fmt::format("abort@type=measure,batch={},num_stages=2,BLOCK_SIZE_M=16,round={}", crash.batch, crash.had)}};
  RunningDaemon daemon(crashing);
  const auto id = create(daemon);
  const json view = daemon.wait_for(id, {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  EXPECT_EQ(view["trials"]["by_status"].value("launch_error", 0), 1) << view.dump();
  const json batches = comparison(daemon, id)["batches"];
  const auto batch =
      std::ranges::find(batches, json(crash.batch), [](const json& each) -> const json& { return each["batch"]; });
  ASSERT_NE(batch, batches.end());
  const json& contenders = (*batch)["contenders"];
  ASSERT_EQ(contenders.size(), 3U);
  EXPECT_EQ(contenders[1]["status"], "launch_error");
  EXPECT_EQ(contenders[1]["rounds_us"].size(), crash.had);
  for (const std::size_t i : {0, 2}) {
    EXPECT_EQ(contenders[i]["status"], "ok");
    EXPECT_EQ(contenders[i]["rounds_us"].size(), crash.others) << i;
  }
  EXPECT_EQ((*batch)["pairs"].size(), 1U);
}

// Batch 16 is the noisy one, which goes on after the first look; the rounds of a crash count from 0.
INSTANTIATE_TEST_SUITE_P(
    Rounds, LateCrashTest,
    testing::Values(LateCrash{.batch = 8, .had = 4, .others = 10}, LateCrash{.batch = 8, .had = 9, .others = 10},
                    LateCrash{.batch = 16, .had = 10, .others = 20}, LateCrash{.batch = 16, .had = 19, .others = 20}),
    [](const auto& test) { return fmt::format("InBatch{}AfterRound{}", test.param.batch, test.param.had); });

TEST_F(RoundsTest, AWorkerKilledFromOutsideBetweenRoundsBlamesNobody) {
  RunningDaemon::Options killed = options();
  killed.environment = {
      {"MOETUNE_TEST_FAULT", "killed@type=measure,batch=8,round=4,once=" + (folder_.path() / "happened").string()}};
  RunningDaemon daemon(killed);
  const auto id = create(daemon);
  const json view = daemon.wait_for(id, {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "happened"));
  EXPECT_EQ(view["trials"]["by_status"], json({{"ok", 23}, {"out_of_resources", 1}}));
}

TEST_F(RoundsTest, PausedRoundsGoOn) {
  RunningDaemon daemon(options());
  const auto id = create(daemon, true);
  const std::string path = "/sweeps/" + std::to_string(id);
  daemon.wait_for_trials(id, 1);
  EXPECT_EQ(daemon.post(path + "/pause").status, 200);
  EXPECT_EQ(daemon.post(path + "/resume").status, 200);
  ASSERT_EQ(daemon.wait_for(id, {"done", "failed"})["state"], "done") << daemon.log();
  const json batches = comparison(daemon, id)["batches"];
  ASSERT_EQ(batches.size(), 8U);
  for (const json& batch : batches) EXPECT_EQ(batch["contenders"].size(), 3U);
}

TEST_F(RoundsTest, AnOrdinarySweepHasNoComparison) {
  RunningDaemon daemon(options());
  const auto id = daemon.tune(small_problem(), false);
  const auto answer = daemon.get("/sweeps/" + std::to_string(id) + "/comparison");
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(daemon.get("/sweeps/99/comparison").status, 404);
}

}  // namespace
}  // namespace moetune::e2e
