// The odds with which the device code draws experts, on the CPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/expert_popularity.hpp"
#include "tests/kernels/routing_on_host.hpp"

namespace moetune::kernels {
namespace {

using on_host::popular_routing;

TEST(PopularRoutingTest, DrawsDistinctExpertsAndPositiveWeightsThatAddUpToOne) {
  const std::vector<float> popularity = {0.0F, 1.0F, 0.5F, 1e-6F, 0.0F, 0.25F};
  const auto drawn = popular_routing(popularity, 500, 4, 3);
  for (std::size_t token = 0; token < 500; ++token) {
    std::set<std::int32_t> distinct;
    double sum = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      distinct.insert(drawn.topk_ids[token * 4 + j]);
      EXPECT_GT(drawn.topk_weights[token * 4 + j], 0.0F);
      sum += static_cast<double>(drawn.topk_weights[token * 4 + j]);
    }
    // Four have a popularity above 0, so that every token gets all of them.
    ASSERT_EQ(distinct, (std::set<std::int32_t>{1, 2, 3, 5}));
    ASSERT_NEAR(sum, 1.0, 1e-6);
  }
}

TEST(PopularRoutingTest, FollowsTheSeedAlone) {
  const std::vector<float> popularity(32, 1.0F);
  const auto one = popular_routing(popularity, 100, 4, 1);
  EXPECT_EQ(popular_routing(popularity, 100, 4, 1).topk_ids, one.topk_ids);
  EXPECT_NE(popular_routing(popularity, 100, 4, 2).topk_ids, one.topk_ids);
  const auto fewer = popular_routing(popularity, 10, 4, 1).topk_ids;
  EXPECT_TRUE(std::equal(fewer.begin(), fewer.end(), one.topk_ids.begin()));
}

/// Drawing two of (4, 2, 1) one after the other: the first with odds 4:2:1, the second among those left.
TEST(PopularRoutingTest, IsDrawingWithoutReplacement) {
  constexpr std::int64_t k_tokens = 40'000;
  const auto drawn = popular_routing({1.0F, 0.5F, 0.25F}, k_tokens, 2, 11);
  double counts[3][3] = {};
  for (std::size_t token = 0; token < k_tokens; ++token) {
    counts[drawn.topk_ids[token * 2]][drawn.topk_ids[token * 2 + 1]] += 1;
  }
  const double weights[3] = {4, 2, 1};
  for (std::size_t first = 0; first < 3; ++first) {
    for (std::size_t second = 0; second < 3; ++second) {
      if (first == second) continue;
      const double expected = weights[first] / 7 * weights[second] / (7 - weights[first]);
      const double deviation = std::sqrt(expected * (1 - expected) / k_tokens);
      EXPECT_NEAR(counts[first][second] / k_tokens, expected, 5 * deviation) << first << " " << second;
    }
  }
}

/// What residency_plan takes for the number of experts that a pass touches.
TEST(PopularRoutingTest, TouchesAsManyExpertsAsIsExpected) {
  schema::Problem problem;
  problem.num_experts = 128;
  problem.topk = 8;
  for (const char* routing : {"zipf:0.6", "zipf:1.2", "zipf:2"}) {
    const auto popularity = ExpertPopularity::of(routing, std::nullopt, problem).value();
    for (const std::int64_t batch : {1, 16, 128}) {
      double touched = 0;
      constexpr std::int64_t k_layers = 20;
      const auto table = popularity.table(k_layers, 5);
      for (std::int64_t layer = 0; layer < k_layers; ++layer) {
        const std::vector<float> row(table.begin() + layer * 128, table.begin() + (layer + 1) * 128);
        const auto ids = popular_routing(row, batch, 8, static_cast<std::uint64_t>(layer)).topk_ids;
        touched += static_cast<double>(std::set<std::int32_t>(ids.begin(), ids.end()).size()) / k_layers;
      }
      EXPECT_NEAR(touched / popularity.touched(problem, batch), 1.0, 0.05) << routing << " " << batch;
    }
  }
}

}  // namespace
}  // namespace moetune::kernels
