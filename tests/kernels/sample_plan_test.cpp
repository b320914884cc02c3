#include "kernels/sample_plan.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace moetune::kernels {
namespace {

/// How many samples a candidate gets that always takes `us`.
std::size_t count_of(double us, std::optional<double> best_us, Pace pace = Pace::thorough) {
  std::vector<double> samples;
  while (!has_enough_samples(samples, best_us, pace)) samples.push_back(us);
  return samples.size();
}

TEST(SamplePlanTest, ContendersGetMoreSamples) {
  EXPECT_EQ(count_of(110, 100), 3U);
  EXPECT_EQ(count_of(104, 100), 3U);
  EXPECT_EQ(count_of(102.9, 100), 9U);
  EXPECT_EQ(count_of(90, 100), 9U);
}

TEST(SamplePlanTest, TheFirstOfABatchGetsAll) {
  EXPECT_EQ(count_of(100, std::nullopt), 9U);
}

TEST(SamplePlanTest, InAScanNobodyGetsMore) {
  EXPECT_EQ(count_of(110, 100, Pace::quick), 3U);
  EXPECT_EQ(count_of(90, 100, Pace::quick), 3U);
  EXPECT_EQ(count_of(130, 100, Pace::quick), 3U);
  EXPECT_EQ(count_of(131, 100, Pace::quick), 1U);
  EXPECT_EQ(count_of(131, 100, Pace::thorough), 3U);
  EXPECT_EQ(count_of(100, std::nullopt, Pace::quick), 3U);
}

TEST(SamplePlanTest, ARoundHasThreeWhoeverItIs) {
  EXPECT_EQ(count_of(110, 100, Pace::round), 3U);
  EXPECT_EQ(count_of(100, std::nullopt, Pace::round), 3U);
}

TEST(SamplePlanTest, TheMedianDecidesNotAnOutlier) {
  const std::vector<double> samples = {200, 101, 102};
  EXPECT_FALSE(has_enough_samples(samples, 100));
  EXPECT_TRUE(has_enough_samples(std::vector<double>{101, 200, 210}, 100));
}

}  // namespace
}  // namespace moetune::kernels
