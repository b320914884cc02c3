#include "daemon/traffic_gain.hpp"

#include "daemon/best_answer.hpp"
#include "db/traffic_store.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::daemon {
namespace {

using db::example_config;
using db::ok_trial;
using schema::Traffic;
using schema::TrafficSource;

Traffic counted(std::vector<schema::TrafficBatch> batches) {
  return {"a.log", TrafficSource::cudagraph, 1, std::move(batches)};
}

TEST(TrafficGainTest, IsTheTimeWithTheDefaultsOverTheTimeWithTheChosen) {
  const std::vector<KeyTimes> keys = {{1, 10, 20, 10}, {64, 100, 100, 100}};
  // 30 steps of 20 us and 2 of 100 us become 30 of 10 us and 2 of 100 us.
  const auto gain = traffic_gain(counted({{1, 30, {}}, {64, 2, {}}}), keys);
  ASSERT_TRUE(gain);
  EXPECT_DOUBLE_EQ(gain->gain.value(), 800.0 / 500.0);
  EXPECT_DOUBLE_EQ(gain->covered, 1);
  EXPECT_FALSE(gain->log_times);
  ASSERT_EQ(gain->keys.size(), 2U);
  EXPECT_DOUBLE_EQ(gain->keys[0].share, 0.75);
  EXPECT_DOUBLE_EQ(gain->keys[0].gain.value(), 2);
  EXPECT_TRUE(gain->worth_it());
}

TEST(TrafficGainTest, EveryStepCountsAtTheKeyThatTheEnginePicks) {
  const std::vector<KeyTimes> keys = {{8, 10, 10, 10}, {16, 10, 10, 10}, {4096, 10, 10, 10}};
  // 12 is as near to 8 as to 16: the first key.
  const auto gain = traffic_gain(counted({{1, 1, {}}, {12, 2, {}}, {13, 4, {}}, {9000, 8, {}}}), keys);
  ASSERT_EQ(gain->keys.size(), 3U);
  EXPECT_DOUBLE_EQ(gain->keys[0].share, 3.0 / 15);
  EXPECT_DOUBLE_EQ(gain->keys[1].share, 4.0 / 15);
  EXPECT_DOUBLE_EQ(gain->keys[2].share, 8.0 / 15);
  EXPECT_DOUBLE_EQ(gain->gain.value(), 1);
  EXPECT_FALSE(gain->worth_it());
}

TEST(TrafficGainTest, TimesOfTheLogWeighInTheirPlace) {
  const std::vector<KeyTimes> keys = {{1, 10, 20, 10}, {64, 100, 100, 100}};
  Traffic traffic = counted({{1, 10, 6.0}, {64, 10, 2.0}});
  traffic.source = TrafficSource::batch_times;
  const auto gain = traffic_gain(traffic, keys);
  EXPECT_TRUE(gain->log_times);
  EXPECT_DOUBLE_EQ(gain->keys[0].share, 0.75);
  EXPECT_DOUBLE_EQ(gain->gain.value(), 1 / (0.75 / 2 + 0.25));
}

TEST(TrafficGainTest, KeysWithoutAMeasuredDefaultAreLeftOutAndSaid) {
  const std::vector<KeyTimes> keys = {{1, 10, 20, 10}, {64, 60, {}, 60}};
  const auto gain = traffic_gain(counted({{1, 2, {}}, {64, 1, {}}}), keys);
  EXPECT_DOUBLE_EQ(gain->covered, 0.4);
  EXPECT_DOUBLE_EQ(gain->gain.value(), 2);
  const auto json = to_json(*gain, {3, counted({{1, 2, {}}}), {0}});
  EXPECT_EQ(json["verdict"],
            "worth it: the kernel takes 50.0 % less time; no default was measured for 60.0 % of the time");
  EXPECT_TRUE(json["keys"][1]["gain"].is_null());
  const auto unknown = traffic_gain(counted({{64, 1, {}}}), keys);
  EXPECT_FALSE(unknown->gain);
  EXPECT_TRUE(to_json(*unknown, {3, counted({{64, 1, {}}}), {0}})["worth_it"].is_null());
  EXPECT_FALSE(traffic_gain(counted({{64, 1, {}}}), {}));
}

TEST(TrafficGainTest, WhatIsUnderTheLeastGainIsNotWorthIt) {
  const auto verdict = [](double default_us) {
    const std::vector<KeyTimes> keys = {{1, 100, default_us, 100}};
    return to_json(*traffic_gain(counted({{1, 1, {}}}), keys), {1, counted({{1, 1, {}}}), {0}});
  };
  EXPECT_EQ(verdict(100.9)["worth_it"], false);
  EXPECT_EQ(verdict(100.9)["verdict"],
            "not worth it: the kernel takes 0.9 % less time, under 1.0 % is noise between sessions");
  EXPECT_EQ(verdict(101.1)["worth_it"], true);
}

class BestUnderTrafficTest : public db::StoreTest {
 protected:
  void SetUp() override {
    auto spec = db::example_spec();
    spec.batches = {1, 64};
    const auto id = new_sweep(spec);
    for (const std::int64_t batch : spec.batches) {
      write([&](db::Transaction& transaction) {
        return db::set_sweep_default(transaction, id, batch, example_config(0), "vllm 0.11");
      });
    }
    record(id, ok_trial(1, 0, 50));
    record(id, ok_trial(1, 1, 40));
    record(id, ok_trial(64, 0, 100));
    record(id, ok_trial(64, 1, 99.9));  // within the spread: the default stays
  }
  void import(const Traffic& traffic) {
    write([&](db::Transaction& transaction) { return db::add_traffic(transaction, traffic); });
  }
  nlohmann::ordered_json result(std::optional<std::int64_t> batch = {}, std::optional<std::int64_t> traffic = {}) {
    return must(best_answer(database(), {}, {.batch = batch, .traffic = traffic, .kernel_share = {}}))["results"][0];
  }
};

TEST_F(BestUnderTrafficTest, TellsTheGainUnderTheNewestImport) {
  EXPECT_FALSE(result().contains("traffic"));
  import(counted({{64, 1, {}}}));
  import(counted({{1, 2, {}}, {100, 1, {}}}));
  const auto traffic = result()["traffic"];
  EXPECT_EQ(traffic["id"], 2);
  EXPECT_EQ(traffic["times"], "rows");
  EXPECT_DOUBLE_EQ(traffic["gain"].get<double>(), 200.0 / 180.0);
  EXPECT_EQ(traffic["verdict"], "worth it: the kernel takes 10.0 % less time");
}

TEST_F(BestUnderTrafficTest, AnotherImportCanBeChosen) {
  import(counted({{64, 1, {}}}));
  import(counted({{1, 2, {}}}));
  EXPECT_EQ(result({}, 1)["traffic"]["worth_it"], false);
  EXPECT_FALSE(result(1).contains("traffic"));
  EXPECT_EQ(result(1, 2)["traffic"]["id"], 2);
  EXPECT_EQ(best_answer(database(), {}, {.batch = {}, .traffic = 9, .kernel_share = {}}).error().code,
            schema::ErrorCode::not_found);
}

}  // namespace
}  // namespace moetune::daemon
