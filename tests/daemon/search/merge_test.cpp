#include "daemon/search/merge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::daemon::search {
namespace {

using testing::HasSubstr;

schema::TileConfig tile(int block_size_m) {
  return {block_size_m, 64, 64, 1, 4, 3};
}

Measured row(int block_size_m, double us) {
  return {tile(block_size_m), us, {us, us, us}};
}

/// A model whose default is the tile 16, measured with `default_us`.
ModelRows model(double default_us, std::vector<Measured> others) {
  ModelRows rows;
  rows.fallback = Default{tile(16), row(16, default_us), false};
  rows.rows = std::move(others);
  rows.rows.push_back(row(16, default_us));
  return rows;
}

/// A model whose default, the tile 16, has no ok row.
ModelRows model_without_default(bool failed, std::vector<Measured> rows) {
  ModelRows model;
  model.fallback = Default{tile(16), std::nullopt, failed};
  model.rows = std::move(rows);
  return model;
}

std::optional<schema::TileConfig> config_of(const std::optional<MergedChoice>& choice) {
  return choice ? std::optional(choice->config) : std::nullopt;
}

TEST(MergedChoiceTest, TakesTheLeastWorstRegret) {
  // 32 is the best of the first, 64 the best of the second problem; 128 is good for both.
  const auto choice = merged_choice(
      {model(100, {row(32, 50), row(64, 95), row(128, 70)}), model(200, {row(32, 190), row(64, 100), row(128, 150)})});
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->config, tile(128));
  EXPECT_FALSE(choice->is_default);
  EXPECT_EQ(choice->reason, "least worst regret: at most 50.00 % slower than a problem's own best");
  ASSERT_EQ(choice->standings.size(), 2U);
  EXPECT_EQ(choice->standings[0].latency_us, 70);
  EXPECT_EQ(choice->standings[0].best_us, 50);
  EXPECT_EQ(choice->standings[0].default_us, 100);
  EXPECT_DOUBLE_EQ(*choice->standings[0].regret(), 1.4);
  EXPECT_DOUBLE_EQ(*choice->worst_regret(), 1.5);
}

TEST(MergedChoiceTest, RegretIsAgainstTheOwnBestNotAgainstTheDefault) {
  // Against the defaults 32 is never worse than 0.65, 64 is 0.7; against the bests 32 loses a half, 64 a thirteenth.
  const auto choice = merged_choice({model(100, {row(32, 60), row(64, 40)}), model(100, {row(32, 65), row(64, 70)})});
  EXPECT_EQ(config_of(choice), tile(64));
  EXPECT_DOUBLE_EQ(*choice->worst_regret(), 70.0 / 65);
}

TEST(MergedChoiceTest, EqualRegretsAreDecidedByTheirSumThenByTheSmallerTile) {
  // Both lose a tenth at worst; 64 loses nothing for the second problem.
  EXPECT_EQ(config_of(merged_choice({model(100, {row(32, 55), row(64, 55), row(128, 50)}),
                                     model(100, {row(32, 52.5), row(64, 50), row(128, 99)})})),
            tile(64));
  EXPECT_EQ(config_of(merged_choice({model(100, {row(64, 50), row(32, 50)}), model(100, {row(32, 50), row(64, 50)})})),
            tile(32));
}

TEST(MergedChoiceTest, NeverSlowsAModelDown) {
  const auto choice = merged_choice({model(100, {row(32, 10)}), model(200, {row(32, 200.1)})});
  EXPECT_EQ(config_of(choice), tile(16));
  EXPECT_TRUE(choice->is_default);
  EXPECT_THAT(choice->reason, HasSubstr("slower than it for one of the problems"));
  EXPECT_EQ(choice->standings[0].regret(), 10) << "what the guarantee costs is told";
}

TEST(MergedChoiceTest, WhatAModelHasNoRowOfDoesNotSuitIt) {
  const auto choice = merged_choice({model(100, {row(32, 10)}), model(200, {})});
  EXPECT_EQ(config_of(choice), tile(16));
  EXPECT_THAT(choice->reason, HasSubstr("no other configuration was measured for all"));
}

TEST(MergedChoiceTest, AGainWithinTheSpreadIsNone) {
  const Measured noisy{tile(32), 99, {90, 99, 110}};
  const auto choice = merged_choice({model(100, {noisy}), model(100, {noisy})});
  EXPECT_EQ(config_of(choice), tile(16));
  EXPECT_THAT(choice->reason, HasSubstr("faster than the default by the rule"));
}

TEST(MergedChoiceTest, ADefaultThatFailsIsNoCompetitor) {
  const auto broken = model_without_default(true, {row(32, 80), row(64, 40)});
  EXPECT_EQ(config_of(merged_choice({broken, model(100, {row(32, 60), row(64, 90)})})), tile(64));
  EXPECT_EQ(config_of(merged_choice({broken, model(100, {row(32, 20)})})), tile(32));
}

TEST(MergedChoiceTest, WithoutACommonDefaultOrGainThereIsNone) {
  ModelRows other = model(101, {row(32, 100)});
  other.fallback = Default{tile(32), row(32, 100), false};
  EXPECT_FALSE(merged_choice({model(100, {row(32, 101)}), other}));
  EXPECT_FALSE(merged_choice({}));
}

TEST(MergedChoiceTest, ADefaultThatNobodyKnowsIsNeitherCompetitorNorChoice) {
  const ModelRows unknown{std::nullopt, {row(32, 80), row(64, 40)}};
  EXPECT_EQ(config_of(merged_choice({unknown, model(100, {row(32, 60), row(64, 90)})})), tile(64));
  EXPECT_FALSE(merged_choice({unknown, model(100, {row(64, 110)})}));
  EXPECT_FALSE(merged_choice({model(100, {row(64, 110)}), unknown}));
}

TEST(MergedChoiceTest, AnUnmeasuredDefaultKeepsTheDefault) {
  const auto choice = merged_choice({model_without_default(false, {row(32, 10)}), model(100, {row(32, 10)})});
  EXPECT_EQ(config_of(choice), tile(16));
  EXPECT_THAT(choice->reason, HasSubstr("for 1 of 2 problems it was not measured"));
  EXPECT_FALSE(choice->standings[0].regret());
  EXPECT_FALSE(choice->worst_regret());
}

}  // namespace
}  // namespace moetune::daemon::search
