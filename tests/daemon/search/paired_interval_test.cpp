#include "daemon/search/paired_interval.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

namespace moetune::daemon::search {
namespace {

using Draw = std::function<double(std::mt19937_64&)>;

/// Uniform in (0, 1): the distributions of <random> differ between libraries, the generator does not.
double uniform(std::mt19937_64& generator) {
  return (static_cast<double>(generator() >> 11) + 0.5) / 9007199254740992.0;
}

double normal(std::mt19937_64& generator) {
  const double radius = std::sqrt(-2 * std::log(uniform(generator)));
  return radius * std::cos(2 * M_PI * uniform(generator));
}

/// The share of intervals around `count` draws that hold the centre, 3.
double coverage(const Draw& draw, std::size_t count, double error) {
  constexpr int k_runs = 4000;
  std::mt19937_64 generator(20261121);
  int covered = 0;
  for (int run = 0; run < k_runs; ++run) {
    std::vector<double> differences;
    while (differences.size() < count) differences.push_back(3 + draw(generator));
    const auto interval = signed_rank_interval(differences, error);
    if (interval && interval->low <= 3 && 3 <= interval->high) ++covered;
  }
  return static_cast<double>(covered) / k_runs;
}

const std::pair<const char*, Draw> k_symmetric[] = {
    {"normal", normal},
    {"uniform", [](std::mt19937_64& generator) { return uniform(generator) - 0.5; }},
    // Now and then something disturbs a round: 10 % of the differences are 50 times as wide.
    {"disturbed", [](std::mt19937_64& generator) { return normal(generator) * (uniform(generator) < 0.1 ? 50 : 1); }},
    {"Cauchy", [](std::mt19937_64& generator) { return std::tan(M_PI * (uniform(generator) - 0.5)); }},
    // The difference of two skewed times of the same kind is symmetric.
    {"skewed times",
     [](std::mt19937_64& generator) { return std::log(uniform(generator)) - std::log(uniform(generator)); }},
};

TEST(PairedIntervalTest, CoversWhateverTheDistribution) {
  for (const auto& [name, draw] : k_symmetric) {
    for (const std::size_t count : {10, 20}) {
      for (const double error : {0.1, 0.01}) {
        const double wrong = 1 - coverage(draw, count, error);
        // Three standard deviations of a share over 4000 runs.
        EXPECT_LE(wrong, error + 3 * std::sqrt(error / 4000)) << name << ", " << count << " differences";
        EXPECT_GE(wrong, error / 5) << name << ": wider than it need be";
      }
    }
  }
}

TEST(PairedIntervalTest, IsNarrowerWithMoreDifferences) {
  std::mt19937_64 generator(7);
  double sum_10 = 0;
  double sum_20 = 0;
  for (int run = 0; run < 200; ++run) {
    std::vector<double> differences;
    while (differences.size() < 20) differences.push_back(normal(generator));
    const auto few = signed_rank_interval(std::span(differences).first(10), 0.01);
    const auto many = signed_rank_interval(differences, 0.01);
    sum_10 += few->high - few->low;
    sum_20 += many->high - many->low;
  }
  EXPECT_LT(sum_20, sum_10 * 0.7);
}

/// The critical values of the published tables (two-sided): the greatest T with P(T <= it) <= error / 2.
TEST(PairedIntervalTest, RanksAreThoseOfThePublishedTables) {
  EXPECT_EQ(signed_rank_rank(6, 0.05), 1u);
  EXPECT_EQ(signed_rank_rank(10, 0.05), 9u);
  EXPECT_EQ(signed_rank_rank(15, 0.05), 26u);
  EXPECT_EQ(signed_rank_rank(20, 0.05), 53u);
  EXPECT_EQ(signed_rank_rank(8, 0.01), 1u);
  EXPECT_EQ(signed_rank_rank(10, 0.01), 4u);
  EXPECT_EQ(signed_rank_rank(20, 0.01), 38u);
}

TEST(PairedIntervalTest, TooFewDifferencesGiveNone) {
  EXPECT_EQ(signed_rank_rank(7, 0.01), 0u);
  EXPECT_FALSE(signed_rank_interval(std::vector<double>(7, 1), 0.01));
  EXPECT_TRUE(signed_rank_interval(std::vector<double>(8, 1), 0.01));
  EXPECT_FALSE(signed_rank_interval({}, 0.5));
}

TEST(PairedIntervalTest, EstimateAndEndsAreMeansOfTwo) {
  const std::vector<double> differences = {4, 1, 2, 8, 3, 7, 5, 6};
  const auto widest = signed_rank_interval(differences, 0.01);
  EXPECT_EQ(widest->low, 1);
  EXPECT_EQ(widest->high, 8);
  EXPECT_EQ(widest->middle, 4.5);
  const auto narrower = signed_rank_interval(differences, 0.05);  // rank 4: of 1, 1.5, 2, 2
  EXPECT_EQ(narrower->low, 2);
  EXPECT_EQ(narrower->high, 7);
}

TEST(PairedIntervalTest, OneWildRoundMovesTheEstimateLittle) {
  std::vector<double> differences = {0.9, 1, 1.1, 0.95, 1.05, 1.02, 0.98, 1.01, 0.99, 1};
  const double calm = signed_rank_interval(differences, 0.01)->middle;
  differences[3] = 1e6;
  EXPECT_NEAR(signed_rank_interval(differences, 0.01)->middle, calm, 0.05);
}

/// The published tables of Student's distribution, two-sided.
TEST(StudentIntervalTest, QuantilesAreThoseOfThePublishedTables) {
  EXPECT_NEAR(student_quantile(1, 0.05), 12.706, 1e-3);
  EXPECT_NEAR(student_quantile(2, 0.01), 9.925, 1e-3);
  EXPECT_NEAR(student_quantile(3, 0.1), 2.353, 1e-3);
  EXPECT_NEAR(student_quantile(4, 0.01), 4.604, 1e-3);
  EXPECT_NEAR(student_quantile(5, 0.001), 6.869, 1e-3);
  EXPECT_NEAR(student_quantile(9, 0.02), 2.821, 1e-3);
  EXPECT_NEAR(student_quantile(30, 0.05), 2.042, 1e-3);
}

TEST(StudentIntervalTest, LiesAroundTheMean) {
  const auto interval = student_interval(std::vector<double>{1, 2, 3}, 0.05);
  EXPECT_NEAR(interval->middle, 2, 1e-12);
  EXPECT_NEAR(interval->high - interval->middle, 4.3027 / std::sqrt(3), 1e-3);
  EXPECT_NEAR(interval->middle - interval->low, 4.3027 / std::sqrt(3), 1e-3);
  EXPECT_FALSE(student_interval(std::vector<double>{1}, 0.05));
}

}  // namespace
}  // namespace moetune::daemon::search
