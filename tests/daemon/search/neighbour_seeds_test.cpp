#include "daemon/search/neighbour_seeds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/search/race.hpp"

namespace moetune::daemon::search {
namespace {

using schema::Problem;
using schema::TileConfig;
using testing::ElementsAre;
using testing::IsEmpty;

const Problem k_problem{
    256, 512, 2048, 8, schema::Dtype::fp8_w8a8, schema::ActDtype::bfloat16, schema::BlockShape{128, 128}, true, false};
const TileConfig k_small{16, 64, 128, 1, 4, 4};
const TileConfig k_middle{64, 128, 128, 16, 4, 3};
const TileConfig k_large{128, 256, 128, 16, 8, 3};

Problem with_experts(std::int64_t num_experts) {
  Problem problem = k_problem;
  problem.num_experts = num_experts;
  return problem;
}

std::vector<Candidate> plan_of(const std::vector<std::int64_t>& batches) {
  std::vector<Candidate> plan;
  for (const std::int64_t batch : batches) {
    for (const TileConfig& config : {k_small, k_middle, k_large}) plan.push_back({batch, config});
  }
  return plan;
}

std::vector<Candidate> candidates_of(const std::vector<NeighbourSeed>& seeds) {
  std::vector<Candidate> candidates;
  for (const auto& seed : seeds) candidates.push_back(seed.candidate);
  return candidates;
}

TEST(NeighbourSeedsTest, TheNearestProblemComesFirst) {
  const auto seeds = neighbour_seeds(k_problem, plan_of({64}),
                                     {{1, with_experts(8), {{64, k_small}}}, {2, with_experts(128), {{64, k_large}}}});
  EXPECT_THAT(seeds, ElementsAre(NeighbourSeed{2, {64, k_large}}, NeighbourSeed{1, {64, k_small}}));
}

TEST(NeighbourSeedsTest, OneProblemGivesWhatWasBestAtTheNearestBatchAndNextToIt) {
  const auto seeds = neighbour_seeds(k_problem, plan_of({60}),
                                     {{1, with_experts(128), {{1, k_large}, {32, k_small}, {64, k_middle}}}});
  EXPECT_THAT(candidates_of(seeds), ElementsAre(Candidate{60, k_middle}, Candidate{60, k_small}));
}

TEST(NeighbourSeedsTest, OnlyTheAnchorsOfARaceAreSeeded) {
  const std::vector<std::int64_t> batches{1, 2, 4, 8, 16, 32, 64};
  const auto seeds = neighbour_seeds(k_problem, plan_of(batches), {{1, with_experts(128), {{1, k_small}}}});
  std::vector<std::int64_t> seeded;
  for (const auto& seed : seeds) seeded.push_back(seed.candidate.batch);
  EXPECT_EQ(seeded, anchor_batches(batches));
  EXPECT_THAT(anchor_batches(batches), ElementsAre(1, 4, 16, 64));
}

TEST(NeighbourSeedsTest, OnlyAlikeProblemsCount) {
  Problem other = with_experts(128);
  other.dtype = schema::Dtype::int8_w8a8;
  EXPECT_THAT(neighbour_seeds(k_problem, plan_of({64}), {{1, other, {{64, k_small}}}}), IsEmpty());
  EXPECT_THAT(neighbour_seeds(k_problem, plan_of({64}), {{1, k_problem, {{64, k_small}}}}), IsEmpty()) << "itself";
  EXPECT_THAT(neighbour_seeds(k_problem, plan_of({64}), {{1, with_experts(8), {}}}), IsEmpty());
}

TEST(NeighbourSeedsTest, WhatIsNoCandidateMakesRoomForTheNext) {
  const TileConfig foreign{32, 32, 64, 1, 1, 2};
  TileConfig clamped = k_small;
  clamped.block_size_k = 256;
  const auto seeds = neighbour_seeds(k_problem, plan_of({64}),
                                     {{1, with_experts(250), {{64, foreign}}},
                                      {2, with_experts(128), {{64, clamped}, {128, k_middle}}},
                                      {3, with_experts(64), {{64, k_small}}}});
  EXPECT_THAT(candidates_of(seeds), ElementsAre(Candidate{64, k_small}, Candidate{64, k_middle}))
      << "as it runs, and once";
}

TEST(NeighbourSeedsTest, OfAPairBothTilesAreTried) {
  const auto seeds = neighbour_seeds(k_problem, plan_of({64}),
                                     {{1, with_experts(128), {{64, paired(k_middle, {64, 64, 64, 1, 4, 3})}}}});
  EXPECT_THAT(candidates_of(seeds), ElementsAre(Candidate{64, k_middle}));
  EXPECT_EQ(distance(k_problem, with_experts(64)), 2);
}

}  // namespace
}  // namespace moetune::daemon::search
