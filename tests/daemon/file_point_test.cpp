#include "daemon/file_point.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::daemon {
namespace {

using search::Measured;

schema::TileConfig tile(int block_size_m) {
  return {block_size_m, 64, 64, 1, 4, 3};
}

/// A row beside a default of 100 microseconds, both with samples that are spread by 10.
FilePoint point_of(double latency_us, std::vector<double> rounds_us, std::vector<double> default_rounds_us) {
  const Measured standard{tile(16), 100, {90, 100, 110}, std::move(default_rounds_us)};
  const Measured row{tile(32), latency_us, {latency_us - 10, latency_us, latency_us + 10}, std::move(rounds_us)};
  return file_point(64, {search::Default{tile(16), standard, false}, {standard, row}}, tile(32));
}

TEST(FilePointTest, WhatTookTurnsIsJudgedByItsRounds) {
  const auto slower = point_of(100.6, {100.6, 110.7, 90.5, 95.6}, {100, 110, 90, 95});
  EXPECT_EQ(slower.standing, PointStanding::slower);
  ASSERT_TRUE(slower.interval);
  EXPECT_GT(slower.interval->low, 1.0);
  EXPECT_LT(slower.interval->high, 1.02);
  EXPECT_EQ(slower.ratio(), slower.interval->middle);
  EXPECT_NEAR(slower.ratio().value(), 1.006, 0.0005);
  const auto faster = point_of(98, {98, 107.8, 88.2, 93.1}, {100, 110, 90, 95});
  EXPECT_EQ(faster.standing, PointStanding::faster);
  EXPECT_LT(faster.interval->high, 1.0);
  EXPECT_EQ(point_of(100.1, {100.1, 110, 90, 95}, {100, 110, 90, 95}).standing, PointStanding::same);
}

TEST(FilePointTest, WithoutRoundsTheSpreadDecides) {
  const auto same = point_of(98, {98}, {100});
  EXPECT_EQ(same.standing, PointStanding::same);
  EXPECT_FALSE(same.interval);
  EXPECT_DOUBLE_EQ(same.ratio().value(), 0.98);
  EXPECT_EQ(point_of(80, {80}, {100}).standing, PointStanding::faster);
}

TEST(FilePointTest, TheDefaultItselfHasNoInterval) {
  const Measured standard{tile(16), 100, {90, 100, 110}, {100, 110, 90, 95}};
  const auto point = file_point(64, {search::Default{tile(16), standard, false}, {standard}}, tile(16));
  EXPECT_EQ(point.standing, PointStanding::is_default);
  EXPECT_FALSE(point.interval);
  EXPECT_EQ(point.ratio(), 1.0);
}

}  // namespace
}  // namespace moetune::daemon
