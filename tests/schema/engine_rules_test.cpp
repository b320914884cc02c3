#include "schema/engine_rules.hpp"

#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "schema/sweep_spec.hpp"

namespace moetune::schema {
namespace {

const Problem k_fp8{256, 512, 2048, 8, Dtype::fp8_w8a8, ActDtype::bfloat16, BlockShape{128, 128}, true, false};
const Problem k_bf16{128, 768, 2048, 8, Dtype::none, ActDtype::bfloat16, std::nullopt, true, false};

TEST(DefaultConfigTest, BlockFp8ChangesAtSixteenAndSixtyFour) {
  EXPECT_EQ(default_config(k_fp8, 1), (TileConfig{16, 128, 128, 1, 4, 3}));
  EXPECT_EQ(default_config(k_fp8, 16), (TileConfig{16, 128, 128, 1, 4, 3}));
  EXPECT_EQ(default_config(k_fp8, 17), (TileConfig{16, 128, 128, 32, 4, 3}));
  EXPECT_EQ(default_config(k_fp8, 64), (TileConfig{16, 128, 128, 32, 4, 3}));
  EXPECT_EQ(default_config(k_fp8, 65), (TileConfig{64, 128, 128, 32, 4, 3}));
}

TEST(DefaultConfigTest, Bf16FollowsTheBatch) {
  EXPECT_EQ(default_config(k_bf16, 32), (TileConfig{16, 64, 128, 1, 4, 4}));
  EXPECT_EQ(default_config(k_bf16, 33), (TileConfig{32, 64, 128, 1, 4, 3}));
  EXPECT_EQ(default_config(k_bf16, 96), (TileConfig{32, 128, 64, 1, 4, 3}));
  EXPECT_EQ(default_config(k_bf16, 129), (TileConfig{64, 128, 64, 1, 8, 3}));
  EXPECT_EQ(default_config(k_bf16, 513), (TileConfig{128, 128, 64, 1, 8, 3}));
  EXPECT_EQ(default_config(k_bf16, 128 * 129), (TileConfig{128, 128, 64, 16, 8, 3}));
}

TEST(DefaultConfigTest, Fp8PerTensorKeepsTheDeepTile) {
  Problem fp8 = k_bf16;
  fp8.dtype = Dtype::fp8_w8a8;
  EXPECT_EQ(default_config(fp8, 4096).block_size_k, 128);
}

TEST(EffectiveConfigTest, BlockShapeClampsTheReductionTile) {
  EXPECT_EQ(effective_config(k_fp8, {16, 128, 256, 1, 4, 3}).block_size_k, 128);
  EXPECT_EQ(effective_config(k_fp8, {16, 128, 64, 1, 4, 3}).block_size_k, 64);
  EXPECT_EQ(effective_config(k_bf16, {16, 128, 256, 1, 4, 3}).block_size_k, 256);
}

TEST(NaiveAssignmentTest, HoldsWhileAQuarterOfTheExpertsIsEnough) {
  EXPECT_TRUE(uses_naive_assignment(k_fp8, 8));
  EXPECT_FALSE(uses_naive_assignment(k_fp8, 9));
}

TEST(NearestKeyTest, TakesTheNearestAndOfTwoTheFirst) {
  const std::array<std::int64_t, 4> keys = {1, 4, 8, 16};
  EXPECT_EQ(nearest_key(keys, 1), 1);
  EXPECT_EQ(nearest_key(keys, 6), 4);
  EXPECT_EQ(nearest_key(keys, 12), 8);
  EXPECT_EQ(nearest_key(keys, 65536), 16);
  const std::array<std::int64_t, 2> reversed = {8, 4};
  EXPECT_EQ(nearest_key(reversed, 6), 8);
}

TEST(UntestedRangeTest, IsTheWidestGapBetweenKeysOrTowardsTheEnds) {
  EXPECT_FALSE(untested_range(default_batches()));
  const auto gap_of = [](std::vector<std::int64_t> keys) {
    const auto gap = untested_range(keys);
    return gap ? std::pair(gap->low, gap->high) : std::pair<std::int64_t, std::int64_t>();
  };
  EXPECT_EQ(gap_of({1, 64, 4096}), std::pair(1L, 64L));
  EXPECT_EQ(gap_of({4096, 16, 8, 4, 2, 1}), std::pair(16L, 4096L));
  EXPECT_EQ(gap_of({}), std::pair(1L, 4096L));
  EXPECT_EQ(gap_of({1}), std::pair(1L, 4096L));
}

}  // namespace
}  // namespace moetune::schema
