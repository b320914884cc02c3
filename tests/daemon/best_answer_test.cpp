#include "daemon/best_answer.hpp"

#include <cmath>

#include "db/traffic_store.hpp"
#include "tests/daemon/planned_sweeps.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;

class BestAnswerTest : public PlannedSweepsTest {
 protected:
  ordered_json result(const BestQuery& query = {}) { return must(best_answer(database(), {}, query))["results"][0]; }
  static BestQuery at(std::int64_t batch) { return {.batch = batch, .traffic = {}, .kernel_share = {}}; }
  static ordered_json entry(int config) { return schema::to_json(db::example_config(config)); }
};

TEST_F(BestAnswerTest, AnEntryIsWhatTheEngineWouldRun) {
  sweep_of({16, 32}, {{16, {{1, 80}}}, {24, {{1, 130}, {2, 90}}}, {32, {{1, 70}}}});
  EXPECT_EQ(result(at(23))["configs"].size(), 1U);
  EXPECT_EQ(result(at(23))["configs"]["24"]["chosen"]["config"], entry(2)) << "the added key";
  EXPECT_EQ(result(at(20))["configs"]["16"]["chosen"]["config"], entry(1)) << "of two equally near keys the lower";
  EXPECT_EQ(result(at(9000))["configs"]["32"]["chosen"]["latency_us"], 70.0);
  EXPECT_FALSE(result(at(20)).contains("between"));
  EXPECT_FALSE(result(at(20)).contains("verdict"));
}

TEST_F(BestAnswerTest, WhatIsNoKeyIsTold) {
  sweep_of({16, 32, 64}, {{16, {{1, 80}}}, {24, {{1, 85}}}, {32, {{1, 80}}}, {48, {{1, 80}}}, {64, {{1, 80}}}});
  const auto found = result();
  EXPECT_EQ(found["configs"].size(), 2U);
  EXPECT_EQ(found["between"].size(), 3U);
  const auto& between = found["between"]["24"];
  EXPECT_EQ(between["key"], 16);
  EXPECT_EQ(between["asked"], false);
  EXPECT_EQ(between["chosen"]["latency_us"], 85.0);
  EXPECT_EQ(found["between"]["32"]["asked"], true);
  EXPECT_EQ(found["between"]["32"]["reason"], "key 16 has the same configuration");
  EXPECT_EQ(result(at(32))["configs"].begin().key(), "16");
}

TEST_F(BestAnswerTest, AKeyShowsItsBestRowAndWhatTheFileHas) {
  sweep_of({16, 32}, {{16, {{1, 99.6}}}, {24, {{1, 130}}}, {32, {}}});
  const auto key = result()["configs"]["16"];
  EXPECT_EQ(key["config"], entry(1));
  EXPECT_EQ(key["latency_us"], 99.6);
  EXPECT_EQ(key["chosen"]["config"], entry(0));
  EXPECT_EQ(key["chosen"]["default"], true);
}

TEST_F(BestAnswerTest, NamesTheSweepThatDecidesBesideThatOfTheBestRow) {
  const auto first = sweep(sweep_of({16}, {{16, {{1, 80}, {2, 81}}}})).label;
  const auto second = sweep(sweep_of({16}, {{16, {{1, 80.4}, {2, 80.9}}}})).label;
  const auto key = result()["configs"]["16"];
  EXPECT_EQ(key["sweep"], first);
  EXPECT_EQ(key["latency_us"], 80.0);
  EXPECT_EQ(key["chosen"]["sweep"], second);
  EXPECT_EQ(key["chosen"]["latency_us"], 80.4);
}

TEST_F(BestAnswerTest, TheVerdictIsOverTheBatchesAskedFor) {
  sweep_of({1, 2}, {{1, {{1, 50}}}, {2, {}}});
  const auto verdict = result()["verdict"];
  EXPECT_EQ(verdict["batches"], 2);
  EXPECT_NEAR(verdict["gain"].get<double>(), 1.41421, 1e-5);
  EXPECT_EQ(verdict["worth_it"], true);
  EXPECT_TRUE(verdict["step_gain"].is_null());
  const auto shared = result({.batch = 1, .traffic = {}, .kernel_share = 0.5})["verdict"];
  EXPECT_NEAR(shared["step_gain"].get<double>(), 1 / (0.5 + 0.5 / 1.41421), 1e-5);
}

TEST_F(BestAnswerTest, SaysWhichSweepsAreNotDone) {
  const auto first = sweep_of({1, 2}, {{1, {{1, 50}}}, {2, {}}});
  const auto second = sweep_of({1, 2}, {{1, {{1, 60}}}, {2, {}}});
  EXPECT_EQ(result()["unfinished"], ordered_json({second})) << "the newest one decides";
  finish(first);
  EXPECT_TRUE(result().contains("unfinished"));
  finish(second);
  EXPECT_FALSE(result().contains("unfinished"));
}

TEST_F(BestAnswerTest, WhatTheFileDoesWithoutAKeyCountsToo) {
  sweep_of({16, 32, 64}, {{16, {{1, 80}}}, {24, {{1, 85}}}, {32, {{1, 50}}}, {48, {{1, 80}}}, {64, {{1, 80}}}});
  write([&](db::Transaction& transaction) {
    return db::add_traffic(transaction, {"a.log", schema::TrafficSource::cudagraph, 1, {{33, 1, {}}}});
  });
  const auto found = result();
  EXPECT_FALSE(found["configs"].contains("32"));
  EXPECT_EQ(found["verdict"]["batches"], 3);
  EXPECT_NEAR(found["verdict"]["gain"].get<double>(), std::cbrt(100.0 / 80 * 100 / 80 * 100 / 50), 1e-9);
  EXPECT_DOUBLE_EQ(found["verdict"]["traffic_gain"].get<double>(), 2) << "of the nearest that was measured";
}

}  // namespace
}  // namespace moetune::daemon
