#include "daemon/search/seeds.hpp"

#include <gtest/gtest.h>

namespace moetune::daemon::search {
namespace {

using schema::SeedingSet;
using schema::TileConfig;

const schema::Problem k_fp8{
    256, 512, 2048, 8, schema::Dtype::fp8_w8a8, schema::ActDtype::bfloat16, schema::BlockShape{128, 128}, true, false};
const TileConfig k_small{16, 64, 128, 1, 4, 4};
const TileConfig k_large{128, 256, 128, 16, 8, 3};

SeedingSet set_of(std::int64_t id, const std::string& device, std::vector<std::pair<std::int64_t, TileConfig>> rows,
                  std::int64_t unusable = 0) {
  SeedingSet set;
  set.id = id;
  set.name = "set " + std::to_string(id);
  set.device = device;
  set.tiles = {std::move(rows), unusable};
  return set;
}

bool always(const TileConfig&) {
  return true;
}

TEST(SeedsTest, EveryBatchGetsWhatTheEngineWouldRunThere) {
  const auto seeded =
      seeds_for(k_fp8, {1, 40, 4096}, "", {set_of(3, "NVIDIA_H20", {{1, k_small}, {64, k_large}})}, always);
  EXPECT_EQ(seeded.seeds, (Seeds{{1, {k_small}}, {40, {k_large}}, {4096, {k_large}}}));
  EXPECT_EQ(seeded.shares, (std::vector<schema::CandidateShare>{{3, "set 3", 3, 0}}));
}

TEST(SeedsTest, ATileIsTakenAsItRunsAndOnlyOnce) {
  TileConfig clamped = k_small;
  clamped.block_size_k = 256;
  const auto seeded =
      seeds_for(k_fp8, {1}, "", {set_of(1, "A", {{1, clamped}}), set_of(2, "B", {{1, k_small}})}, always);
  EXPECT_EQ(seeded.seeds, (Seeds{{1, {k_small}}}));
  ASSERT_EQ(seeded.shares.size(), 2U);
  EXPECT_EQ(seeded.shares[1].candidates, 1) << "it came from both";
}

TEST(SeedsTest, SetsOfTheSameDeviceComeFirst) {
  const auto seeded =
      seeds_for(k_fp8, {1}, "NVIDIA_H200",
                {set_of(1, "AMD_Instinct_MI300X", {{1, k_small}}), set_of(2, "NVIDIA_H200", {{1, k_large}})}, always);
  EXPECT_EQ(seeded.seeds, (Seeds{{1, {k_large, k_small}}}));
}

TEST(SeedsTest, WhatDoesNotFitIsLeftOutAndCounted) {
  const auto fits = [](const TileConfig& tile) { return tile.block_size_m < 128; };
  const auto seeded = seeds_for(
      k_fp8, {1, 64}, "", {set_of(1, "A", {{1, k_small}, {64, k_large}}, 2), set_of(2, "B", {{1, k_large}})}, fits);
  EXPECT_EQ(seeded.seeds, (Seeds{{1, {k_small}}, {64, {k_small}}}));
  EXPECT_EQ(seeded.shares, (std::vector<schema::CandidateShare>{{1, "set 1", 2, 3}, {2, "set 2", 0, 1}}));
}

TEST(SeedsTest, TheyFollowTheDefaultsAndPrecedeTheSpace) {
  const auto defaults = known_defaults(k_fp8, {1, 64});
  const TileConfig outside{16, 16, 128, 2, 1, 8};
  const auto plan = exhaustive_plan(defaults, {k_small}, {{1, {k_small, outside}}, {64, {k_large, defaults.at(64)}}});
  const std::vector<Candidate> expected = {{1, defaults.at(1)}, {64, defaults.at(64)}, {1, k_small},
                                           {64, k_large},       {1, outside},          {64, k_small}};
  EXPECT_EQ(plan, expected);
}

}  // namespace
}  // namespace moetune::daemon::search
