#include "kernels/power_policy.hpp"

#include <gtest/gtest.h>

namespace moetune::kernels {
namespace {

using namespace std::chrono_literals;

TEST(HeatBudgetTest, AShortBurstNeedsNoRest) {
  HeatBudget heat;
  SteadyTime now{1s};
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(heat.rest_before(1ms, now), 0us);
    now += 1ms;
    heat.worked(1ms, now);
  }
}

TEST(HeatBudgetTest, KeptUpWorkIsBusyHalfOfTheTime) {
  HeatBudget heat;
  SteadyTime now{1s};
  const SteadyTime begin = now;
  std::chrono::microseconds busy{0};
  while (now - begin < 10s) {
    now += heat.rest_before(2ms, now) + 2ms;
    heat.worked(2ms, now);
    busy += 2ms;
  }
  const double share = std::chrono::duration<double>(busy) / std::chrono::duration<double>(now - begin);
  EXPECT_NEAR(share, 0.5, 0.005);
}

TEST(HeatBudgetTest, NoStretchOfWorkIsLongerThanTheBurst) {
  HeatBudget heat;
  SteadyTime now{1s};
  std::chrono::microseconds stretch{0};
  for (int i = 0; i < 1000; ++i) {
    const auto rest = heat.rest_before(3ms, now);
    stretch = rest > 0us ? 3ms : stretch + 3ms;
    EXPECT_LE(stretch, 20ms);
    now += rest + 3ms;
    heat.worked(3ms, now);
  }
}

TEST(HeatBudgetTest, WorkLongerThanTheBurstStartsCool) {
  HeatBudget heat;
  SteadyTime now{1s};
  now += 40ms;
  heat.worked(40ms, now);
  now += heat.rest_before(40ms, now);
  EXPECT_EQ(heat.rest_before(40ms, now), 0us);
}

TEST(HeatBudgetTest, ALongStretchIsForgotten) {
  HeatBudget heat;
  SteadyTime now{1s};
  now += 10s;
  heat.worked(10s, now);
  EXPECT_LE(heat.rest_before(1ms, now), 300ms);
}

TEST(HeatShareTest, OperationsHeatNotTime) {
  EXPECT_EQ(heat_share(100, std::nullopt), 1);
  EXPECT_EQ(heat_share(90, 100), 1);
  EXPECT_DOUBLE_EQ(heat_share(200, 100), 0.5);
  EXPECT_DOUBLE_EQ(heat_share(1000, 100), 1.0 / 3);
}

TEST(ClockNormTest, TheHighestReadingIsTheNorm) {
  ClockNorm norm;
  EXPECT_FALSE(norm.is_low(1500));
  norm.see(1980);
  norm.see(1950);
  EXPECT_EQ(norm.norm_mhz(), 1980);
  EXPECT_FALSE(norm.is_low(1950));
  EXPECT_TRUE(norm.is_low(1700));
  norm.accept(1700);
  EXPECT_FALSE(norm.is_low(1700));
  EXPECT_TRUE(norm.is_low(1500));
}

}  // namespace
}  // namespace moetune::kernels
