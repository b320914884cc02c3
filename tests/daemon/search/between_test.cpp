#include "daemon/search/between.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "schema/engine_rules.hpp"
#include "schema/sweep_spec.hpp"

namespace moetune::daemon::search {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr schema::TileConfig k_small{16, 64, 64, 1, 4, 3};
constexpr schema::TileConfig k_large{64, 128, 64, 1, 8, 3};

TEST(PointsBetweenTest, AreTheMiddlesAndTheSizesOfGraphs) {
  EXPECT_THAT(points_between(std::vector<std::int64_t>{1, 2, 8, 48}),
              ElementsAre(3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                          29, 30, 31, 32, 40));
  EXPECT_THAT(points_between(std::vector<std::int64_t>{512, 1024, 4096}), ElementsAre(768, 2560));
  EXPECT_THAT(points_between(std::vector<std::int64_t>{240, 300}), ElementsAre(248, 256, 270, 272, 288));
}

TEST(PointsBetweenTest, LieBetweenTheFirstKeyAndTheLast) {
  EXPECT_THAT(points_between(std::vector<std::int64_t>{64}), IsEmpty());
  EXPECT_THAT(points_between({}), IsEmpty());
  EXPECT_THAT(points_between(std::vector<std::int64_t>{3, 4}), IsEmpty());
}

TEST(PointsBetweenTest, LookWhereTheNearestKeyChanges) {
  const auto& keys = schema::default_batches();
  const auto points = points_between(keys);
  EXPECT_EQ(std::ranges::count(points, 512), 0) << "a key";
  for (std::size_t i = 1; i < keys.size(); ++i) {
    const auto middle = (keys[i - 1] + keys[i]) / 2;
    if (middle == keys[i - 1]) continue;
    EXPECT_TRUE(std::ranges::binary_search(points, middle)) << middle;
    EXPECT_EQ(schema::nearest_key(keys, middle), keys[i - 1]);
    EXPECT_EQ(schema::nearest_key(keys, middle + 1), keys[i]);
  }
  for (std::int64_t size = 8; size <= 512; size += size < 256 ? 8 : 16) {
    EXPECT_TRUE(std::ranges::binary_search(points, size) || std::ranges::binary_search(keys, size)) << size;
  }
}

TEST(NeighboursTest, AreTheConfigurationsOfTheKeysOnEitherSide) {
  const std::vector<std::int64_t> points = {1, 3, 7, 9};
  const auto neighbours = neighbours_at(points, {{2, k_small}, {4, k_large}, {8, k_large}});
  EXPECT_THAT(neighbours.at(1), ElementsAre(k_small));
  EXPECT_THAT(neighbours.at(3), ElementsAre(k_small, k_large));
  EXPECT_THAT(neighbours.at(7), ElementsAre(k_large));
  EXPECT_THAT(neighbours.at(9), ElementsAre(k_large));
  EXPECT_THAT(neighbours_at(points, {}).at(3), IsEmpty());
}

}  // namespace
}  // namespace moetune::daemon::search
