#include "kernels/sample_plan.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace moetune::kernels {
namespace {

/// How many samples a candidate gets that always takes `us`.
std::size_t count_of(double us, std::optional<double> best_us, Pace pace) {
  std::vector<double> samples;
  while (!has_enough_samples(samples, best_us, pace)) samples.push_back(us);
  return samples.size();
}

TEST(SamplePlanTest, AScanGivesUpWhatIsFarBehind) {
  EXPECT_EQ(count_of(90, 100, Pace::quick), 3U);
  EXPECT_EQ(count_of(130, 100, Pace::quick), 3U);
  EXPECT_EQ(count_of(131, 100, Pace::quick), 1U);
  EXPECT_EQ(count_of(100, std::nullopt, Pace::quick), 3U);
}

TEST(SamplePlanTest, WhatTakesTwiceTheBestInASinglePassIsNotTimed) {
  EXPECT_FALSE(is_surely_hopeless(199, 100));
  EXPECT_TRUE(is_surely_hopeless(201, 100));
  EXPECT_FALSE(is_surely_hopeless(1e9, std::nullopt));
}

TEST(SamplePlanTest, ARoundHasThreeWhoeverItIs) {
  EXPECT_EQ(count_of(90, 100, Pace::round), 3U);
  EXPECT_EQ(count_of(200, 100, Pace::round), 3U);
  EXPECT_EQ(count_of(100, std::nullopt, Pace::round), 3U);
}

}  // namespace
}  // namespace moetune::kernels
