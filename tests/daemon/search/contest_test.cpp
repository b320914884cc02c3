#include "daemon/search/contest.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace moetune::daemon::search {
namespace {

constexpr schema::Rounds k_rule{};

/// What two candidates take in rounds during which the clock drifts and now and then something disturbs one of them.
class Bench {
 public:
  explicit Bench(std::uint64_t seed) : generator_(seed) {}

  /// Goes on until the rounds suffice, as a sweep does. `ratio`: the other's time over one's own.
  Contest settle(double ratio, double noise) {
    std::vector<std::vector<double>> rounds(2);
    double drift = 1;
    while (needs_another_round(rounds, k_rule)) {
      drift *= 1 + 0.002 * normal();
      rounds[0].push_back(100 * drift * disturbed(noise));
      rounds[1].push_back(100 * ratio * drift * disturbed(noise));
    }
    rounds_ = rounds[0].size();
    return *contest(rounds[0], rounds[1], k_rule);
  }
  std::size_t rounds() const { return rounds_; }

 private:
  double uniform() { return (static_cast<double>(generator_() >> 11) + 0.5) / 9007199254740992.0; }
  double normal() { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * M_PI * uniform()); }
  /// Times are never disturbed downwards; one round in fifty is by much.
  double disturbed(double noise) { return 1 + noise * std::abs(normal()) + (uniform() < 0.02 ? 0.2 : 0); }

  std::mt19937_64 generator_;
  std::size_t rounds_ = 0;
};

TEST(ContestTest, IsWrongInAPercentAtMostOverBothLooks) {
  constexpr int k_runs = 5000;
  for (const double ratio : {1.0, 1.03}) {
    Bench bench(11);
    int wrong = 0;
    for (int run = 0; run < k_runs; ++run) {
      const Contest result = bench.settle(ratio, 0.02);
      if (result.low > ratio || result.high < ratio) ++wrong;
    }
    EXPECT_LE(wrong, k_runs * 0.01 + 3 * std::sqrt(k_runs * 0.01)) << ratio;
    EXPECT_GE(wrong, k_runs / 1000) << "the intervals are far too wide";
  }
}

TEST(ContestTest, FindsADifferenceOfThreePercentInTheUsualNoise) {
  Bench bench(5);
  int found = 0;
  for (int run = 0; run < 500; ++run) {
    if (bench.settle(1.03, 0.005).standing == Standing::faster) ++found;
  }
  EXPECT_GE(found, 450);
}

TEST(ContestTest, EndsEarlyWhereAllIsClear) {
  Bench bench(3);
  EXPECT_EQ(bench.settle(1.2, 0.001).standing, Standing::faster);
  EXPECT_EQ(bench.rounds(), 10u);
  EXPECT_EQ(bench.settle(0.8, 0.001).standing, Standing::slower);
  EXPECT_EQ(bench.rounds(), 10u);
}

std::vector<double> times(double us, std::size_t count, double wobble) {
  std::vector<double> rounds;
  for (std::size_t i = 0; i < count; ++i) rounds.push_back(us * (i % 2 == 0 ? 1 + wobble : 1 - wobble));
  return rounds;
}

TEST(ContestTest, StandingsSayWhatTheIntervalSays) {
  const auto calm = times(100, 20, 0);
  EXPECT_EQ(contest(calm, times(102, 20, 0.001), k_rule)->standing, Standing::faster);
  EXPECT_EQ(contest(calm, times(98, 20, 0.001), k_rule)->standing, Standing::slower);
  EXPECT_EQ(contest(calm, times(100, 20, 0.001), k_rule)->standing, Standing::same);
  // Surely different, and by less than anybody cares for.
  EXPECT_EQ(contest(calm, times(100.5, 20, 0.0001), k_rule)->standing, Standing::same);
  EXPECT_EQ(contest(calm, times(100, 20, 0.05), k_rule)->standing, Standing::unclear);
  EXPECT_EQ(contest(calm, calm, k_rule)->standing, Standing::same);
}

TEST(ContestTest, SpeedupIsTheOthersTimeOverOnesOwn) {
  const auto result = contest(times(80, 10, 0), times(100, 10, 0), k_rule);
  EXPECT_DOUBLE_EQ(result->speedup, 1.25);
  EXPECT_DOUBLE_EQ(result->low, 1.25);
  EXPECT_DOUBLE_EQ(result->high, 1.25);
}

TEST(ContestTest, DriftThatMeetsBothAlikeDoesNotCount) {
  std::vector<double> own;
  std::vector<double> other;
  for (int i = 0; i < 10; ++i) {
    own.push_back(100 * (1 + 0.1 * i));
    other.push_back(110 * (1 + 0.1 * i));
  }
  EXPECT_NEAR(contest(own, other, k_rule)->low, 1.1, 1e-9);
  EXPECT_NEAR(contest(own, other, k_rule)->high, 1.1, 1e-9);
}

TEST(ContestTest, TooFewRoundsSayNothing) {
  EXPECT_FALSE(contest(times(100, 4, 0), times(100, 20, 0), k_rule));
  EXPECT_FALSE(contest({}, {}, k_rule));
}

TEST(ContestTest, LooksTwiceAndNoMore) {
  const auto calm = times(100, 20, 0);
  const auto wild = times(100, 20, 0.05);
  const auto first = [](const std::vector<double>& rounds, std::size_t count) {
    return std::vector<double>(rounds.begin(), rounds.begin() + static_cast<std::ptrdiff_t>(count));
  };
  for (std::size_t count = 1; count <= 20; ++count) {
    const bool goes_on = needs_another_round({first(calm, count), first(calm, count)}, k_rule);
    EXPECT_EQ(goes_on, count != 10 && count != 20) << count;
    EXPECT_EQ(needs_another_round({first(calm, count), first(wild, count)}, k_rule), count != 20) << count;
  }
  EXPECT_TRUE(needs_another_round({first(calm, 10), first(calm, 10), first(wild, 10)}, k_rule));
  EXPECT_FALSE(needs_another_round({first(wild, 10)}, k_rule));
  EXPECT_FALSE(needs_another_round({first(wild, 10), first(calm, 10)}, {.least = 10, .most = 10}));
  EXPECT_FALSE(needs_another_round({}, k_rule));
}

}  // namespace
}  // namespace moetune::daemon::search
