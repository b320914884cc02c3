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
  EXPECT_EQ(choice.reason, "10.00 % faster than the default, spread 0.75 %");
}

TEST(ChoiceTest, KeepsTheDefaultWithinTheSpreadOfEither) {
  EXPECT_TRUE(choose({k_tuned, 19.8, {19.4, 19.8, 20.2}}, standard(20, {20, 20, 20})).is_default);
  EXPECT_TRUE(choose({k_tuned, 19.8, {19.8, 19.8, 19.8}}, standard(20, {19.6, 20, 20.4})).is_default);
  EXPECT_EQ(choose({k_tuned, 20, {20}}, standard(20, {20})).config, k_default);
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
