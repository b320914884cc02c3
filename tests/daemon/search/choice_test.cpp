#include "daemon/search/choice.hpp"

#include <gtest/gtest.h>

namespace moetune::daemon::search {
namespace {

constexpr schema::TileConfig k_default{16, 128, 128, 1, 4, 3};
constexpr schema::TileConfig k_tuned{64, 128, 128, 16, 4, 4};

Default standard(double latency, std::vector<double> samples) {
  return {k_default, Measured{k_default, latency, std::move(samples)}, false};
}

TEST(ChoiceTest, TakesTheBestBeyondTheSpread) {
  const auto choice = choose({k_tuned, 18, {17.9, 18, 18.1}}, standard(20, {19.9, 20, 20.2}));
  EXPECT_EQ(choice.config, k_tuned);
  EXPECT_FALSE(choice.is_default);
  EXPECT_EQ(choice.reason, "10.00 % (9.32 to 10.67 % by the spread) faster than the default");
}

TEST(ChoiceTest, KeepsTheDefaultWithinTheSpreadOfEither) {
  EXPECT_TRUE(choose({k_tuned, 19.8, {19.4, 19.8, 20.2}}, standard(20, {20, 20, 20})).is_default);
  EXPECT_TRUE(choose({k_tuned, 19.8, {19.8, 19.8, 19.8}}, standard(20, {19.6, 20, 20.4})).is_default);
  EXPECT_EQ(choose({k_tuned, 20, {20}}, standard(20, {20})).config, k_default);
}

std::vector<double> turns(double us, double wobble, std::size_t count) {
  std::vector<double> rounds;
  for (std::size_t i = 0; i < count; ++i) rounds.push_back(us + (i % 2 == 0 ? wobble : -wobble));
  return rounds;
}

Default standard_in_turns(double latency, double wobble, std::size_t count) {
  return {k_default, Measured{k_default, latency, {latency}, turns(latency, wobble, count)}, false};
}

TEST(ChoiceTest, RoundsInTurnsDecideWhereThereAreSome) {
  // The samples of each are far apart, but drift met both alike.
  const Measured best{k_tuned, 100, {80, 100, 120}, {98, 100, 102, 99, 101}};
  Default fallback{k_default, Measured{k_default, 103, {83, 103, 123}, {101, 103, 105, 102, 104}}, false};
  const auto choice = choose(best, fallback);
  EXPECT_EQ(choice.config, k_tuned);
  EXPECT_EQ(choice.reason.find("by the spread"), std::string::npos) << choice.reason;
  fallback.measured->rounds_us.resize(2);
  EXPECT_TRUE(choose(best, fallback).is_default) << "two rounds are none";
}

TEST(ChoiceTest, ASureGainBelowTheMinimumKeepsTheDefault) {
  const Measured best{k_tuned, 100, {100}, turns(100, 0.01, 10)};
  const auto fallback = standard_in_turns(100.5, 0.01, 10);
  const auto choice = choose(best, fallback);
  EXPECT_TRUE(choice.is_default);
  EXPECT_NE(choice.reason.find(", less than 1 %"), std::string::npos) << choice.reason;
  EXPECT_FALSE(choose(best, fallback, {.level = 0.99, .min_gain = 0.004}).is_default);
}

TEST(ChoiceTest, AGainThatMayBeNoiseKeepsTheDefaultAtThatLevel) {
  const Measured best{k_tuned, 100, {100}, std::vector<double>(10, 100)};
  const Default fallback{
      k_default,
      Measured{k_default, 101.2, {101.2}, {103.6, 99.8, 103.7, 99.9, 103.5, 100.3, 103.4, 101.4, 103, 100.1}}, false};
  EXPECT_NE(choose(best, fallback).reason.find("which may be noise"), std::string::npos)
      << choose(best, fallback).reason;
  EXPECT_FALSE(choose(best, fallback, {.level = 0.6, .min_gain = 0.01}).is_default);
}

TEST(ChoiceTest, OneDisturbedSampleIsNoSpread) {
  EXPECT_NEAR(spread_us({k_tuned, 10, {10, 10.1, 10.2, 10.3, 99}}), 0.2, 1e-9);
  EXPECT_EQ(spread_us({k_tuned, 10, {10}}), 0);
  EXPECT_FALSE(choose({k_tuned, 19, {18.9, 18.95, 19, 19.05, 30}}, standard(20, {19.9, 20, 20, 20, 20.1})).is_default);
}

TEST(ChoiceTest, TheDefaultMayBeTheBest) {
  EXPECT_EQ(choose({k_default, 18, {18}}, standard(18, {18})).reason, "the default is the best");
}

TEST(ChoiceTest, AnUnmeasuredDefaultIsKept) {
  const auto choice = choose({k_tuned, 18, {18}}, Default{k_default, std::nullopt, false});
  EXPECT_EQ(choice.config, k_default);
  EXPECT_FALSE(choice.latency_us);
}

TEST(ChoiceTest, ADefaultThatCannotRunGivesWay) {
  EXPECT_EQ(choose({k_tuned, 18, {18}}, Default{k_default, std::nullopt, true}).config, k_tuned);
  EXPECT_EQ(choose({k_tuned, 18, {18}}, std::nullopt).config, k_tuned);
}

}  // namespace
}  // namespace moetune::daemon::search
