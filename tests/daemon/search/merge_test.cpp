#include "daemon/search/merge.hpp"

#include <gtest/gtest.h>

namespace moetune::daemon::search {
namespace {

schema::TileConfig tile(int block_size_m) {
  return {block_size_m, 64, 64, 1, 4, 3};
}

Measured row(int block_size_m, double us) {
  return {tile(block_size_m), us, {us, us, us}};
}

/// A model whose default is the tile 16, measured with `default_us`.
ModelRows model(double default_us, std::vector<Measured> others) {
  ModelRows rows;
  rows.fallback.config = tile(16);
  rows.fallback.measured = row(16, default_us);
  rows.rows = std::move(others);
  rows.rows.push_back(row(16, default_us));
  return rows;
}

/// A model whose default, the tile 16, has no ok row.
ModelRows model_without_default(bool failed, std::vector<Measured> rows) {
  ModelRows model;
  model.fallback.config = tile(16);
  model.fallback.failed = failed;
  model.rows = std::move(rows);
  return model;
}

TEST(MergedChoiceTest, TakesTheLeastWorstRatio) {
  // 32 is the best of the first, 64 the best of the second model; 128 is good for both.
  const auto choice = merged_choice(
      {model(100, {row(32, 50), row(64, 95), row(128, 70)}), model(200, {row(32, 190), row(64, 100), row(128, 150)})});
  EXPECT_EQ(choice, tile(128));
}

TEST(MergedChoiceTest, NeverSlowsAModelDown) {
  EXPECT_EQ(merged_choice({model(100, {row(32, 10)}), model(200, {row(32, 200.1)})}), tile(16));
}

TEST(MergedChoiceTest, WhatAModelHasNoRowOfDoesNotSuitIt) {
  EXPECT_EQ(merged_choice({model(100, {row(32, 10)}), model(200, {})}), tile(16));
}

TEST(MergedChoiceTest, AGainWithinTheSpreadIsNone) {
  const Measured noisy{tile(32), 99, {90, 99, 110}};
  EXPECT_EQ(merged_choice({model(100, {noisy}), model(100, {noisy})}), tile(16));
}

TEST(MergedChoiceTest, ADefaultThatFailsIsNoCompetitor) {
  const auto broken = model_without_default(true, {row(32, 80), row(64, 40)});
  EXPECT_EQ(merged_choice({broken, model(100, {row(32, 20), row(64, 90)})}), tile(64));
  EXPECT_EQ(merged_choice({broken, model(100, {row(32, 20)})}), tile(32));
}

TEST(MergedChoiceTest, WithoutACommonDefaultOrGainThereIsNone) {
  ModelRows other = model(101, {row(32, 100)});
  other.fallback = {tile(32), row(32, 100), false};
  EXPECT_FALSE(merged_choice({model(100, {row(32, 101)}), other}));
  EXPECT_FALSE(merged_choice({}));
}

TEST(MergedChoiceTest, AnUnmeasuredDefaultKeepsTheDefault) {
  EXPECT_EQ(merged_choice({model_without_default(false, {row(32, 10)}), model(100, {row(32, 10)})}), tile(16));
}

}  // namespace
}  // namespace moetune::daemon::search
