#include "daemon/search/heats.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "daemon/search/contest.hpp"
#include "schema/trial.hpp"

namespace moetune::daemon::search {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr schema::ChoiceRule k_rule{};

HeatEntry steady(double us, std::size_t rounds, bool stays = false) {
  return {std::vector<double>(rounds, us), stays};
}

TEST(HeatsTest, WhoIsFarBehindAfterTheFirstRoundIsOut) {
  const auto verdict =
      judge_heat(std::vector{steady(100, 1), steady(100.5, 1), steady(102, 1), steady(110, 1, true)}, k_rule);
  EXPECT_THAT(verdict.out, ElementsAre(2));
  EXPECT_FALSE(verdict.over);
}

TEST(HeatsTest, WhatHasToBeBeatenStaysHoweverSlow) {
  const auto verdict = judge_heat(std::vector{steady(100, 1), steady(300, 1, true)}, k_rule);
  EXPECT_THAT(verdict.out, IsEmpty());
  EXPECT_FALSE(verdict.over);
}

TEST(HeatsTest, WhatWasChosenBeforeGoesOnToTheFirstLook) {
  const auto incumbent = [](std::size_t rounds) {
    HeatEntry entry = steady(102, rounds);
    entry.is_incumbent = true;
    return entry;
  };
  for (std::size_t rounds = 1; rounds < 4; ++rounds) {
    const auto verdict =
        judge_heat(std::vector{steady(100, rounds), incumbent(rounds), steady(110, rounds, true)}, k_rule);
    EXPECT_THAT(verdict.out, IsEmpty()) << rounds;
    EXPECT_FALSE(verdict.over) << rounds;
    EXPECT_FALSE(judge_heat(std::vector{steady(100, rounds, true), incumbent(rounds)}, k_rule).over) << rounds;
  }
  EXPECT_THAT(judge_heat(std::vector{steady(100, 4), incumbent(4), steady(110, 4, true)}, k_rule).out, ElementsAre(1));
}

TEST(HeatsTest, ADefaultWithoutChallengersNeedsNoSecondRound) {
  EXPECT_TRUE(judge_heat(std::vector{steady(100, 1, true)}, k_rule).over);
  EXPECT_TRUE(judge_heat(std::vector{steady(100, 1, true), steady(103, 1)}, k_rule).over);
}

TEST(HeatsTest, FourChallengersGoOnAtMost) {
  const auto verdict = judge_heat(std::vector{steady(100.4, 1), steady(100.3, 1), steady(100.2, 1), steady(100.1, 1),
                                              steady(100, 1), steady(100.1, 1, true)},
                                  k_rule);
  EXPECT_THAT(verdict.out, ElementsAre(0));
}

TEST(HeatsTest, IsLookedAtAfterCertainRoundsOnly) {
  for (std::size_t rounds = 2; rounds <= 20; ++rounds) {
    const bool is_look = rounds == 4 || rounds == 6 || rounds == 10 || rounds == 20;
    EXPECT_EQ(judge_heat(std::vector{steady(100, rounds), steady(120, rounds, true)}, k_rule).over, is_look) << rounds;
  }
}

TEST(HeatsTest, EndsAtOnceWhereTheFastestIsOneThatStays) {
  std::vector<HeatEntry> entries = {{{100, 101, 100, 100}, true}, {{100.4, 100.1, 101.2, 100.3}, false}};
  EXPECT_TRUE(judge_heat(entries, k_rule).over);
}

TEST(HeatsTest, GoesOnWhileTheIntervalLeavesItOpen) {
  // 1.5 % faster in the middle, in rounds that differ by as much.
  std::vector<HeatEntry> entries(2);
  entries[1].stays = true;
  for (std::size_t round = 0; round < 20; ++round) {
    entries[0].rounds_us.push_back(100);
    entries[1].rounds_us.push_back(round % 2 == 0 ? 103.5 : 99.5);
    EXPECT_EQ(judge_heat(entries, k_rule).over, round + 1 == 20) << round + 1;
  }
}

TEST(HeatsTest, AnEntryHasTheMedianOfEachRoundAndThatOfAllSamples) {
  const std::vector<std::vector<double>> rounds = {{100, 101, 109}, {90, 91, 92}, {110, 111, 112}};
  const HeatEntry entry = heat_entry(rounds, true);
  EXPECT_THAT(entry.rounds_us, ElementsAre(101, 91, 111));
  EXPECT_EQ(entry.latency_us, 101);
  EXPECT_TRUE(entry.stays);
}

/// Two challengers as fast as each other by their rounds, of which the row of the second would say less: it is the one
/// that is chosen or not, and its rounds leave it open.
TEST(HeatsTest, GoesOnUntilTheOneWhoseRowIsFastestIsClear) {
  std::vector<HeatEntry> entries = {
      {{100, 100, 100, 100}, false, 100.0}, {{96, 106, 97, 105}, false, 99.9}, {{103, 103, 103, 103}, true, 103.0}};
  EXPECT_FALSE(judge_heat(entries, k_rule).over);
  entries[1].latency_us = 100.1;
  EXPECT_TRUE(judge_heat(entries, k_rule).over);
}

TEST(HeatsTest, ARowIsHeldAgainstTheDefaultWithAsManyRounds) {
  EXPECT_EQ(rounds_to_decide(0), 4U);
  EXPECT_EQ(rounds_to_decide(1), 4U);
  EXPECT_EQ(rounds_to_decide(20), 20U);
}

/// A pair in the noise of an H200: 0.2 % between rounds.
class Pair {
 public:
  explicit Pair(std::uint64_t seed) : generator_(seed) {}
  /// The rounds that a challenger and the default had until it was clear, or the last.
  std::vector<HeatEntry> settle(double gain) {
    std::normal_distribution<double> noise(0, 0.002);
    std::vector<HeatEntry> entries = {{{}, false}, {{}, true}};
    do {
      entries[0].rounds_us.push_back(100 * (1 + noise(generator_)));
      entries[1].rounds_us.push_back(100 * (1 + gain) * (1 + noise(generator_)));
    } while (!judge_heat(entries, k_rule).over);
    return entries;
  }

 private:
  std::mt19937_64 generator_;
};

TEST(HeatsTest, ClearGainsTakeFewRounds) {
  Pair pair(7);
  std::size_t rounds = 0;
  constexpr int k_runs = 400;
  for (int run = 0; run < k_runs; ++run) rounds += pair.settle(0.06).front().rounds_us.size();
  EXPECT_LT(static_cast<double>(rounds) / k_runs, 5.0);
}

TEST(HeatsTest, WithoutADifferenceHardlyAnyoneWins) {
  Pair pair(11);
  constexpr int k_runs = 3000;
  int wrong = 0;
  for (int run = 0; run < k_runs; ++run) {
    const auto entries = pair.settle(0);
    const auto result = contest(entries[0].rounds_us, entries[1].rounds_us, error_of_look(k_rule), k_rule.min_gain);
    if (result && result->standing == Standing::faster) ++wrong;
  }
  EXPECT_LE(wrong, k_runs * (1 - k_rule.level));
}

/// Four challengers as fast as the default, of which the luckiest is judged, in much more noise than a GPU has.
TEST(HeatsTest, TheLevelHoldsForTheLuckiestOfFour) {
  constexpr int k_runs = 1500;
  for (const double sd : {0.01, 0.02, 0.04}) {
    std::mt19937_64 generator(5);
    std::normal_distribution<double> noise(0, sd);
    int wrong = 0;
    for (int run = 0; run < k_runs; ++run) {
      std::vector<HeatEntry> entries(5);
      entries.back().stays = true;
      HeatVerdict verdict;
      do {
        for (HeatEntry& entry : entries) entry.rounds_us.push_back(100 * (1 + noise(generator)));
        verdict = judge_heat(entries, k_rule);
        if (verdict.over) break;
        for (auto out = verdict.out.rbegin(); out != verdict.out.rend(); ++out) {
          entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(*out));
        }
      } while (true);
      const auto fastest =
          std::ranges::min_element(entries, {}, [](const HeatEntry& entry) { return schema::median(entry.rounds_us); });
      if (fastest->stays) continue;
      const auto standard = std::ranges::find(entries, true, &HeatEntry::stays);
      const auto result = contest(fastest->rounds_us, standard->rounds_us, error_of_look(k_rule), k_rule.min_gain);
      if (result && result->standing == Standing::faster && fastest->rounds_us.size() >= k_looks[0]) ++wrong;
    }
    EXPECT_LE(wrong, k_runs * (1 - k_rule.level)) << sd;
  }
}

}  // namespace
}  // namespace moetune::daemon::search
