#include "cli/rate_meter.hpp"

#include <gtest/gtest.h>

namespace moetune::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RateMeterTest : public testing::Test {
 protected:
  RateMeter::Clock::time_point at(double seconds_in) const {
    return start_ + std::chrono::duration_cast<RateMeter::Clock::duration>(std::chrono::duration<double>(seconds_in));
  }
  RateMeter::Clock::time_point start_{seconds(1000)};
  RateMeter meter_;
};

TEST_F(RateMeterTest, SaysNothingBeforeThereIsASecondToGoBy) {
  EXPECT_FALSE(meter_.per_second(at(0)));
  meter_.add(at(0), 100);
  meter_.add(at(0.5), 120);
  EXPECT_FALSE(meter_.per_second(at(0.5)));
  EXPECT_DOUBLE_EQ(meter_.per_second(at(1)).value(), 20);
}

TEST_F(RateMeterTest, ForgetsWhatIsLongerAgoThanTheWindow) {
  for (int second = 0; second <= 60; ++second) meter_.add(at(second), second <= 20 ? second * 100 : 2000 + second);
  EXPECT_NEAR(meter_.per_second(at(60)).value(), 1.0, 0.1);
}

TEST_F(RateMeterTest, FallsWhileNothingArrives) {
  meter_.add(at(0), 0);
  meter_.add(at(1), 100);
  EXPECT_DOUBLE_EQ(meter_.per_second(at(1)).value(), 100);
  EXPECT_DOUBLE_EQ(meter_.per_second(at(10)).value(), 10);
}

TEST_F(RateMeterTest, StartsAnewWhenTheCountFalls) {
  meter_.add(at(0), 500);
  meter_.add(at(2), 600);
  meter_.add(at(3), 0);
  EXPECT_FALSE(meter_.per_second(at(3)));
}

TEST_F(RateMeterTest, StaysSmallHoweverOftenItIsFed) {
  for (int i = 0; i < 100'000; ++i) meter_.add(start_ + milliseconds(i), i);
  EXPECT_NEAR(meter_.per_second(start_ + seconds(100)).value(), 1000, 10);
}

}  // namespace
}  // namespace moetune::cli
