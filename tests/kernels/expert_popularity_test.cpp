#include "kernels/expert_popularity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "kernels/residency_plan.hpp"
#include "tests/kernels/sample_trial.hpp"

namespace moetune::kernels {
namespace {

using ::testing::HasSubstr;
using testing::sample_problem;  // E=256, topk 8

ExpertPopularity popularity_of(const std::string& routing, const std::optional<schema::ExpertCounts>& counts = {}) {
  auto made = ExpertPopularity::of(routing, counts, sample_problem());
  if (!made) ADD_FAILURE() << made.error().message;
  return made.value_or(ExpertPopularity());
}

std::vector<float> row_of(const std::vector<float>& table, std::size_t row) {
  const auto begin = table.begin() + static_cast<std::ptrdiff_t>(row * 256);
  return {begin, begin + 256};
}

TEST(ExpertPopularityTest, KnowsRoutingsByTheirNames) {
  EXPECT_TRUE(popularity_of("uniform").is_uniform());
  EXPECT_FALSE(popularity_of("zipf:1.2").is_uniform());
  const auto unknown = ExpertPopularity::of("skewed", std::nullopt, sample_problem());
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("use uniform, zipf:S"));
  const auto missing = ExpertPopularity::of("counts:0123456789abcdef", std::nullopt, sample_problem());
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("its counts are missing"));
  const auto other =
      ExpertPopularity::of("counts:0123456789abcdef", schema::ExpertCounts{{{1, 2, 3}}}, sample_problem());
  EXPECT_THAT(other.error().message, HasSubstr("layer 0 has counts of 3 experts"));
}

TEST(ExpertPopularityTest, EachLayerHasItsOwnPopularExperts) {
  const auto popularity = popularity_of("zipf:1.5");
  const auto table = popularity.table(8, 3);
  ASSERT_EQ(table.size(), 8u * 256);
  std::set<std::ptrdiff_t> most_popular;
  for (std::size_t row = 0; row < 8; ++row) {
    auto weights = row_of(table, row);
    most_popular.insert(std::ranges::max_element(weights) - weights.begin());
    std::ranges::sort(weights, std::greater());
    for (const int rank : {1, 2, 10, 256})
      EXPECT_FLOAT_EQ(weights[static_cast<std::size_t>(rank - 1)], static_cast<float>(std::pow(rank, -1.5)));
  }
  EXPECT_GT(most_popular.size(), 4u);
  EXPECT_EQ(popularity.table(8, 3), table);
  EXPECT_NE(popularity.table(8, 4), table);
}

TEST(ExpertPopularityTest, CountsKeepTheirExpertsUntilTheLayersComeRoundAgain) {
  schema::ExpertCounts counts{{std::vector<std::int64_t>(256, 1), std::vector<std::int64_t>(256, 2)}};
  counts.layers[0][7] = 100;
  counts.layers[1][9] = 0;
  const auto table = popularity_of("counts:0123456789abcdef", counts).table(4, 1);
  EXPECT_EQ(row_of(table, 0)[7], 1.0F);
  EXPECT_EQ(row_of(table, 0)[8], 0.01F);
  EXPECT_EQ(row_of(table, 1)[9], 0.0F);
  EXPECT_EQ(row_of(table, 1)[7], 1.0F);
  for (const std::size_t row : {0, 1}) {
    auto first = row_of(table, row), again = row_of(table, row + 2);
    EXPECT_NE(first, again);
    std::ranges::sort(first);
    std::ranges::sort(again);
    EXPECT_EQ(first, again);
  }
}

TEST(ExpertPopularityTest, InclusionProbabilitiesAddUpToTopk) {
  std::vector<double> zipf;
  for (int rank = 1; rank <= 256; ++rank) zipf.push_back(std::pow(rank, -1.2));
  for (const std::int64_t topk : {1, 8, 255}) {
    const auto chances = inclusion_probabilities(zipf, topk);
    EXPECT_NEAR(std::accumulate(chances.begin(), chances.end(), 0.0), static_cast<double>(topk), 1e-6);
    EXPECT_TRUE(std::ranges::is_sorted(chances, std::greater()));
    EXPECT_LE(chances.front(), 1.0);
  }
  EXPECT_THAT(inclusion_probabilities({3, 0, 1e-9}, 2), ::testing::ElementsAre(1, 0, 1));
}

TEST(ExpertPopularityTest, SkewTouchesFewerExperts) {
  const auto uniform = popularity_of("uniform");
  double before = uniform.touched(sample_problem(), 64);
  EXPECT_NEAR(before, expected_experts(sample_problem(), 64), 1e-9);
  for (const char* routing : {"zipf:0.5", "zipf:1", "zipf:1.2", "zipf:2"}) {
    const double touched = popularity_of(routing).touched(sample_problem(), 64);
    EXPECT_LT(touched, before) << routing;
    EXPECT_GE(touched, 8) << routing;
    before = touched;
  }
  EXPECT_NEAR(popularity_of("zipf:2").touched(sample_problem(), 1), 8, 1e-6);
  // All the same is uniform, whoever counted it.
  const schema::ExpertCounts even{{std::vector<std::int64_t>(256, 7)}};
  EXPECT_NEAR(popularity_of("counts:0123456789abcdef", even).touched(sample_problem(), 64),
              uniform.touched(sample_problem(), 64), 1e-6);
}

TEST(ResidencyPlanTest, SkewedRoutingTakesMorePassesForAColdReplay) {
  constexpr std::int64_t k_l2 = 60LL << 20;
  const auto plan_of = [](const ExpertPopularity& popularity, schema::L2 l2) {
    auto plan =
        plan_residency(sample_problem(), std::vector<std::int64_t>{1, 8, 1024}, l2, k_l2, 139LL << 30, {}, popularity);
    if (!plan) ADD_FAILURE() << plan.error().message;
    return plan.value_or(ResidencyPlan{});
  };
  const auto zipf = popularity_of("zipf:1.2");
  const auto skewed = plan_of(zipf, schema::L2::cold);
  const auto uniform = plan_of({}, schema::L2::cold);
  EXPECT_EQ(uniform.popularity_rows, 0);
  EXPECT_EQ(skewed.popularity_rows, skewed.weight_sets);
  EXPECT_EQ(popularity_bytes(sample_problem(), skewed), skewed.weight_sets * 256 * 4);
  const double per_expert = static_cast<double>(weight_sizes(sample_problem()).total()) / 256;
  for (std::size_t i = 0; i < skewed.batches.size(); ++i) {
    const auto& batch = skewed.batches[i];
    const double touched = zipf.touched(sample_problem(), batch.batch) * per_expert;
    EXPECT_GE(touched * static_cast<double>(batch.passes), 6.0 * k_l2) << batch.batch;
    EXPECT_GE(batch.passes, uniform.batches[i].passes);
    EXPECT_EQ(batch.routings, batch.passes);
  }
  EXPECT_GT(skewed.batches[1].passes, uniform.batches[1].passes);
  const auto warm = plan_of(zipf, schema::L2::warm);
  EXPECT_EQ(warm.popularity_rows, 1);
  EXPECT_EQ(warm.weight_sets, 1);
}

}  // namespace
}  // namespace moetune::kernels
