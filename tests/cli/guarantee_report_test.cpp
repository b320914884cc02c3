#include "cli/guarantee_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

ordered_json answer() {
  return ordered_json::parse(R"({"safe": true, "text": "safe: at worst 0.9", "measured": [1, 2, 16, 24, 32, 64],
    "widest_gap": {"from": 3, "to": 15}, "longest_gap": {"from": 33, "to": 63}, "pinned": [24], "not_measured": [],
    "keys": {"1": {"reason": "4.00 % faster"}, "16": {"reason": "pinned to the default: a, b"},
             "24": {"reason": "added between 16 and 32: the default is the best"}},
    "left_out": [{"batch": 32, "key": 24, "reason": "key 24 has the same configuration"}],
    "problems": [{"points": {"1": {"asked": true}, "16": {"asked": true}, "24": {"asked": false}}}]})");
}

TEST(GuaranteeReportTest, SaysWhatWasMeasuredAndWhichKeysAreOutOfTheOrdinary) {
  const auto report = guarantee_report(answer());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->safe);
  EXPECT_THAT(report->measured, ElementsAre(1, 2, 16, 24, 32, 64));
  EXPECT_THAT(report->lines, ElementsAre("safe: at worst 0.9",
                                         "measured: 6 of M=1..64; farthest from a measured M in proportion: 3..15 "
                                         "(between 2 and 16); longest range without one: 33..63",
                                         "runs the default at M=24", "key 16: pinned to the default: a, b",
                                         "key 24: added between 16 and 32: the default is the best",
                                         "no key 32: key 24 has the same configuration"));
}

TEST(GuaranteeReportTest, ADenseFileHasNoGap) {
  auto dense = answer();
  dense["widest_gap"] = nullptr;
  dense["longest_gap"] = nullptr;
  dense["pinned"] = ordered_json::array();
  EXPECT_EQ(guarantee_report(dense)->lines.at(1), "measured: 6 of M=1..64");
}

TEST(GuaranteeReportTest, OneRangeMayBeBothTheFarthestAndTheLongest) {
  auto sparse = answer();
  sparse["longest_gap"] = sparse["widest_gap"] = {{"from", 1}, {"to", 15}};
  EXPECT_EQ(guarantee_report(sparse)->lines.at(1),
            "measured: 6 of M=1..64; farthest from a measured M in proportion: 1..15 (below 16), which is also the "
            "longest range without one");
}

TEST(GuaranteeReportTest, NamesWhereAMergedFileIsNotKnownAndWhatAnyProblemDidNotAskFor) {
  auto merged = answer();
  merged["not_measured"] = {40, 48};
  merged["problems"].push_back({{"points", {{"1", {{"asked", false}}}, {"16", {{"asked", true}}}}}});
  const auto report = guarantee_report(merged);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->lines.at(3), "not known for every problem, as it was not measured: what the file runs at M=40, 48");
  EXPECT_EQ(report->lines.at(4), "key 1: 4.00 % faster");
  merged["problems"][0]["group"] = {{"E", 8}, {"routing", "uniform"}};
  merged["problems"][1]["group"] = {{"E", 8}, {"routing", "zipf:1.2"}};
  EXPECT_THAT(guarantee_report(merged)->lines.at(3), HasSubstr("not known for every routing, as"));
}

TEST(GuaranteeReportTest, AnotherAnswerIsRefused) {
  for (const char* field : {"safe", "text", "measured", "widest_gap", "longest_gap", "pinned", "not_measured", "keys",
                            "left_out", "problems"}) {
    auto broken = answer();
    broken.erase(field);
    const auto report = guarantee_report(broken);
    ASSERT_FALSE(report) << field;
    EXPECT_THAT(report.error().message, HasSubstr("/guarantee"));
  }
}

TEST(GuaranteeReportTest, LongListsAreCut) {
  EXPECT_EQ(some_of({1, 2, 3}, 3), "1, 2, 3");
  EXPECT_EQ(some_of({1, 2, 3, 4, 5}, 3), "1, 2, 3 and 2 more");
  EXPECT_EQ(some_of({}, 3), "");
}

}  // namespace
}  // namespace moetune::cli
