#include "daemon/search/tile_axes.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace moetune::daemon::search {
namespace {

using schema::TileConfig;

std::vector<TileConfig> space() {
  std::vector<TileConfig> configs;
  for (const int m : {16, 32, 64}) {
    for (const int n : {64, 128, 256}) {
      for (const int k : {64, 128}) {
        for (const int warps : {4, 8}) {
          for (const int stages : {2, 3, 4}) configs.push_back({m, n, k, 1, warps, stages});
        }
      }
    }
  }
  return configs;
}

TEST(TileAxesTest, StepsToBothSidesOfEachAxis) {
  const auto around = TileAxes(space()).around({32, 128, 64, 1, 4, 3});
  for (const TileConfig& step :
       {TileConfig{16, 128, 64, 1, 4, 3}, TileConfig{64, 128, 64, 1, 4, 3}, TileConfig{32, 64, 64, 1, 4, 3},
        TileConfig{32, 256, 64, 1, 4, 3}, TileConfig{32, 128, 128, 1, 4, 3}, TileConfig{32, 128, 64, 1, 8, 3},
        TileConfig{32, 128, 64, 1, 4, 2}, TileConfig{32, 128, 64, 1, 4, 4}}) {
    EXPECT_EQ(std::ranges::count(around, step), 1) << short_text(step);
  }
}

TEST(TileAxesTest, StepsTwiceWhereOneStepSeldomPays) {
  const auto around = TileAxes(space()).around({32, 128, 64, 1, 4, 2});
  EXPECT_EQ(std::ranges::count(around, TileConfig{32, 128, 128, 1, 4, 4}), 1) << "BLOCK_SIZE_K with num_stages";
  EXPECT_EQ(std::ranges::count(around, TileConfig{32, 256, 64, 1, 8, 2}), 1) << "BLOCK_SIZE_N with num_warps";
  EXPECT_EQ(std::ranges::count(around, TileConfig{64, 256, 64, 1, 4, 2}), 0) << "no other two axes";
}

TEST(TileAxesTest, TriesEveryNumberOfStages) {
  const auto around = TileAxes(space()).around({32, 128, 64, 1, 4, 4});
  for (const int stages : {2, 3}) {
    EXPECT_EQ(std::ranges::count(around, TileConfig{32, 128, 64, 1, 4, stages}), 1) << stages;
  }
}

TEST(TileAxesTest, AnEdgeHasOneSideAndNothingIsThereTwice) {
  const TileConfig corner{16, 64, 64, 1, 4, 2};
  auto around = TileAxes(space()).around(corner);
  EXPECT_EQ(std::ranges::count(around, corner), 0);
  std::ranges::sort(around);
  EXPECT_EQ(std::ranges::adjacent_find(around), around.end());
  EXPECT_TRUE(std::ranges::all_of(around, [](const TileConfig& step) { return step.block_size_m <= 32; }));
}

TEST(TileAxesTest, AValueBetweenThoseOfTheAxisStepsToBoth) {
  const auto around = TileAxes(space()).around({32, 128, 64, 8, 4, 3});
  EXPECT_EQ(std::ranges::count(around, TileConfig{32, 128, 64, 1, 4, 3}), 1) << "GROUP_SIZE_M 8 is none of the space";
}

TEST(TileAxesTest, ReadsAndSetsEachField) {
  TileConfig config{16, 32, 64, 2, 4, 3};
  int value = 100;
  for (const Axis axis : k_axes) {
    config = with_value(config, axis, value);
    EXPECT_EQ(value_on(axis, config), value);
    ++value;
  }
  EXPECT_EQ(config, (TileConfig{100, 101, 102, 103, 104, 105}));
}

}  // namespace
}  // namespace moetune::daemon::search
