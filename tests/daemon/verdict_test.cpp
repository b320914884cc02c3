#include "daemon/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::daemon {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

KeyTimes key(std::int64_t batch, std::optional<double> standard, std::optional<double> chosen) {
  return {.batch = batch, .best_us = 1, .default_us = standard, .chosen_us = chosen};
}

TEST(VerdictTest, IsTheGeometricMeanOfTheKeysThatWereCompared) {
  const auto verdict =
      verdict_on(std::vector{key(1, 200, 100), key(2, 100, 50), key(4, {}, 10), key(8, 10, {})}, {}, {});
  EXPECT_DOUBLE_EQ(verdict.gain.value(), 2);
  EXPECT_EQ(verdict.worth_it(), true);
  EXPECT_EQ(verdict.text(),
            "worth it: 2.000x over 2 batches (geometric mean); 2 of 4 batches could not be compared; what a whole step "
            "gains is "
            "not known without the share of it that this kernel takes (moetune best --kernel-share)");
}

TEST(VerdictTest, UnderOnePercentIsNotWorthIt) {
  const auto verdict = verdict_on(std::vector{key(1, 100.9, 100)}, {}, {});
  EXPECT_EQ(verdict.worth_it(), false);
  EXPECT_THAT(verdict.text(), StartsWith("not worth it: under 1 % (1.009x over 1 batches"));
  EXPECT_EQ(verdict_on(std::vector{key(1, 101, 100)}, {}, {}).worth_it(), true);
}

TEST(VerdictTest, TheTrafficDecides) {
  TrafficGain traffic;
  traffic.gain = 1.001;
  const auto verdict = verdict_on(std::vector{key(1, 200, 100)}, traffic, {});
  EXPECT_EQ(verdict.worth_it(), false);
  EXPECT_THAT(verdict.text(), HasSubstr("2.000x over 1 batches (geometric mean), 1.001x under the traffic"));
  traffic.gain.reset();
  EXPECT_EQ(verdict_on(std::vector{key(1, 200, 100)}, traffic, {}).worth_it(), true);
}

TEST(VerdictTest, AStepGainsByAmdahlsLaw) {
  EXPECT_DOUBLE_EQ(whole_gain(1, 2), 2);
  EXPECT_DOUBLE_EQ(whole_gain(0.5, 2), 4.0 / 3);
  const auto verdict = verdict_on(std::vector{key(1, 200, 100)}, {}, 0.35);
  EXPECT_DOUBLE_EQ(verdict.step.value(), 1 / (0.65 + 0.175));
  EXPECT_THAT(verdict.text(),
              HasSubstr("a whole step is expected to be 1.212x as fast, the kernel taking 35.0 % of it"));
}

TEST(VerdictTest, NothingComparedIsUnknown) {
  const auto verdict = verdict_on(std::vector{key(1, {}, 100)}, {}, 0.35);
  EXPECT_FALSE(verdict.worth_it());
  EXPECT_FALSE(verdict.step);
  EXPECT_THAT(verdict.text(), StartsWith("unknown: "));
  EXPECT_TRUE(to_json(verdict)["worth_it"].is_null());
}

}  // namespace
}  // namespace moetune::daemon
