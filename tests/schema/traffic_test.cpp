#include "schema/traffic.hpp"

#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

Traffic example() {
  return {"server.log", TrafficSource::batch_times, 3, {{1, 30, 10.0}, {64, 10, 20.0}}};
}

std::string refusal(const char* field, const nlohmann::json& value) {
  nlohmann::json json = to_json(example());
  json[field] = value;
  const auto read = traffic_from_json(json);
  return read ? "" : read.error().message;
}

TEST(TrafficTest, ReadsWhatItWrites) {
  EXPECT_EQ(traffic_from_json(nlohmann::json(to_json(example()))).value(), example());
  Traffic timeless = example();
  for (auto& batch : timeless.batches) batch.time_ms.reset();
  EXPECT_EQ(traffic_from_json(nlohmann::json(to_json(timeless))).value(), timeless);
  EXPECT_EQ(traffic_batches_from_json(nlohmann::json(to_json(example().batches))).value(), example().batches);
}

TEST(TrafficTest, EverySourceHasANameOfItsOwn) {
  for (const auto source :
       {TrafficSource::batch_times, TrafficSource::cudagraph, TrafficSource::iterations, TrafficSource::prometheus}) {
    EXPECT_EQ(traffic_source_from_name(name_of(source)).value(), source);
  }
}

TEST(TrafficTest, NamesWhatIsWrong) {
  EXPECT_NE(refusal("source", "guess").find("traffic.source must be batch_times, cudagraph"), std::string::npos)
      << refusal("source", "guess");
  EXPECT_NE(refusal("name", "").find("traffic.name"), std::string::npos);
  EXPECT_NE(refusal("lines", -1).find("traffic.lines"), std::string::npos);
  EXPECT_NE(refusal("colour", 1).find("colour"), std::string::npos);
  EXPECT_NE(refusal("batches", nlohmann::json::array()).find("1 to 16384"), std::string::npos);
  EXPECT_NE(refusal("batches", {{{"tokens", 0}, {"steps", 1}}}).find("traffic.batches[0].tokens"), std::string::npos);
  EXPECT_NE(refusal("batches", {{{"tokens", 1}, {"steps", 0}}}).find("traffic.batches[0].steps"), std::string::npos);
  EXPECT_NE(refusal("batches", {{{"tokens", 1}, {"steps", 1}, {"time_ms", nullptr}}}), "");
  EXPECT_NE(
      refusal("batches", {{{"tokens", 8}, {"steps", 1}}, {{"tokens", 8}, {"steps", 1}}}).find("8 is followed by 8"),
      std::string::npos);
  EXPECT_NE(
      refusal("batches", {{{"tokens", 1}, {"steps", 1}, {"time_ms", 1}}, {{"tokens", 2}, {"steps", 1}}}).find("1 of 2"),
      std::string::npos);
}

TEST(TrafficTest, SharesOfTimeCountLongStepsForMore) {
  const auto json = to_json(StoredTraffic{7, example(), {0}});
  EXPECT_EQ(json["steps"], 40);
  EXPECT_DOUBLE_EQ(json["batches"][0]["share_of_steps"], 0.75);
  EXPECT_DOUBLE_EQ(json["batches"][0]["share_of_time"], 0.6);
  EXPECT_DOUBLE_EQ(json["batches"][1]["share_of_time"], 0.4);
}

TEST(TrafficTest, WithoutTimesThereAreNoSharesOfTime) {
  StoredTraffic stored{7, example(), {0}};
  for (auto& batch : stored.traffic.batches) batch.time_ms.reset();
  EXPECT_TRUE(to_json(stored)["batches"][0]["share_of_time"].is_null());
}

}  // namespace
}  // namespace moetune::schema
