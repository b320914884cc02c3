#include "daemon/search/anchor.hpp"

#include <gtest/gtest.h>

namespace moetune::daemon::search {
namespace {

AnchorReading reading(double us, std::int64_t batch = 1, std::optional<std::int64_t> mhz = 1980,
                      const std::string& throttle = "") {
  return {batch, {us * 0.999, us, us * 1.001}, mhz, throttle};
}

class AnchorTest : public testing::Test {
 protected:
  /// Runs what is due and answers it; returns how many jobs that were.
  int answer(double us, std::optional<std::int64_t> mhz = 1980, const std::string& throttle = "") {
    int jobs = 0;
    while (const auto batch = anchor_.due(now_s_)) {
      anchor_.sent();
      EXPECT_FALSE(anchor_.due(now_s_)) << "one at a time";
      found_ = anchor_.tell(reading(us, *batch, mhz, throttle), now_s_);
      ++jobs;
    }
    return jobs;
  }
  void open() { ASSERT_EQ(answer(20), 6); }

  Anchor anchor_{{1, 4096, 1, 4096, 1, 4096}, {1, 4096}};
  double now_s_ = 0;
  AnchorState found_ = AnchorState::good;
};

TEST_F(AnchorTest, LooksAtTheBeginAndThenEverySoOften) {
  open();
  EXPECT_FALSE(anchor_.holds());
  now_s_ = 9;
  EXPECT_EQ(answer(20), 0);
  now_s_ = 10.5;
  EXPECT_EQ(answer(20.1), 2);
  now_s_ = 20;
  EXPECT_EQ(answer(20), 0);
  now_s_ = 21;
  EXPECT_EQ(answer(20), 2);
  EXPECT_EQ(found_, AnchorState::good);
  EXPECT_NEAR(anchor_.change(), 0, 1e-9);
}

TEST_F(AnchorTest, OneOddReadingIsLookedIntoAndForgotten) {
  open();
  now_s_ = 11;
  anchor_.sent();
  EXPECT_EQ(anchor_.tell(reading(21), now_s_), AnchorState::drifted);
  EXPECT_TRUE(anchor_.holds());
  EXPECT_EQ(anchor_.due(now_s_), 1) << "at once";
  anchor_.sent();
  EXPECT_EQ(anchor_.tell(reading(20), now_s_), AnchorState::good);
  EXPECT_FALSE(anchor_.holds());
}

TEST_F(AnchorTest, ADriftHoldsTheGpuBackUntilItIsGone) {
  open();
  now_s_ = 11;
  EXPECT_EQ(answer(21), 3);
  EXPECT_EQ(found_, AnchorState::drifted);
  EXPECT_NEAR(anchor_.change(), 0.05, 1e-9);
  EXPECT_TRUE(anchor_.holds());
  now_s_ = 11.5;
  EXPECT_EQ(answer(21), 0) << "it waits";
  now_s_ = 12.1;
  EXPECT_EQ(answer(21), 1);
  now_s_ = 13.9;
  EXPECT_EQ(answer(21), 0) << "twice as long";
  now_s_ = 14.2;
  EXPECT_EQ(answer(20), 1);
  EXPECT_FALSE(anchor_.holds());
}

TEST_F(AnchorTest, WhatWaitingDoesNotMendIsTakenForUsual) {
  open();
  for (now_s_ = 11; now_s_ < 11 + 90; now_s_ += 0.5) answer(21);
  EXPECT_FALSE(anchor_.holds());
  EXPECT_EQ(found_, AnchorState::good) << "by the new measure";
  double held = 0;
  for (; now_s_ < 1000; now_s_ += 0.5) {
    answer(static_cast<int>(now_s_) / 100 % 2 == 0 ? 21 : 24);
    held += anchor_.holds() ? 0.5 : 0;
  }
  EXPECT_GT(held, 30);
  EXPECT_LT(held, 80) << "not without end";
}

TEST_F(AnchorTest, TellsApartWhatIsWrong) {
  open();
  now_s_ = 11;
  anchor_.sent();
  EXPECT_EQ(anchor_.tell(reading(20, 1, 1700), now_s_), AnchorState::good) << "a clock of before";
  anchor_.sent();
  EXPECT_EQ(anchor_.tell(reading(21, 1, 1700), now_s_), AnchorState::throttled);
  anchor_.sent();
  EXPECT_EQ(anchor_.tell({1, {20, 20, 21}, 1980, ""}, now_s_), AnchorState::disturbed);
  anchor_.sent();
  EXPECT_EQ(anchor_.tell(reading(20, 1, 1980, "1 other process on the GPU"), now_s_), AnchorState::disturbed);
  anchor_.sent();
  EXPECT_EQ(anchor_.tell(reading(19), now_s_), AnchorState::drifted) << "faster is no better";
  anchor_.sent();
  EXPECT_EQ(anchor_.tell(reading(20, 1, std::nullopt, "sw_power_cap"), now_s_), AnchorState::good);
  EXPECT_EQ(name_of(AnchorState::throttled), "throttled");
}

TEST_F(AnchorTest, AWorkerThatDiesOfItHasSeenTheLastOfIt) {
  open();
  now_s_ = 11;
  anchor_.sent();
  anchor_.tell(reading(30), now_s_);
  for (int i = 0; i < Anchor::k_most_losses; ++i) {
    ASSERT_TRUE(anchor_.due(now_s_));
    anchor_.sent();
    anchor_.lost();
  }
  EXPECT_FALSE(anchor_.holds());
  now_s_ = 100;
  EXPECT_FALSE(anchor_.due(now_s_));
  EXPECT_FALSE(anchor_.open(now_s_));
}

TEST_F(AnchorTest, ABatchWhoseDefaultDoesNotRunIsLeftOut) {
  anchor_.skip(4096);
  EXPECT_EQ(answer(20), 3);
  EXPECT_FALSE(anchor_.opens());
  now_s_ = 11;
  EXPECT_EQ(answer(20), 1);
  anchor_.skip(1);
  now_s_ = 30;
  EXPECT_EQ(answer(20), 0);
}

TEST_F(AnchorTest, APhaseEndsWithALastLook) {
  open();
  now_s_ = 1;
  anchor_.close(now_s_);
  EXPECT_FALSE(anchor_.open(now_s_)) << "the last one is fresh";
  Anchor other({1, 1, 1}, {1});
  for (int i = 0; i < 3; ++i) other.tell(reading(20), 0);
  other.close(5);
  EXPECT_TRUE(other.open(5));
  other.sent();
  EXPECT_EQ(other.tell(reading(22), 5), AnchorState::drifted);
  for (int i = 0; i < 2; ++i) other.tell(reading(22), 5);
  EXPECT_FALSE(other.holds()) << "nothing to wait for";
  EXPECT_FALSE(other.open(100));
}

TEST(DoubtfulIntervalsTest, LieBetweenTheGoodReadings) {
  using enum AnchorState;
  EXPECT_TRUE(doubtful_intervals({{1, good}, {2, drifted}, {3, good}}).empty()) << "noise";
  EXPECT_EQ(doubtful_intervals({{1, good}, {2, drifted}, {3, disturbed}, {4, disturbed}, {5, good}, {6, good}}),
            (std::vector<DoubtfulInterval>{{1, 5, disturbed}}));
  EXPECT_EQ(doubtful_intervals({{1, good}, {2, throttled}, {3, throttled}}),
            (std::vector<DoubtfulInterval>{{1, std::nullopt, throttled}}));
}

TEST(SlowerByTest, NeedsMoreThanNoise) {
  const OpeningTimes first{{1, {20, 20.1, 19.9}}, {4096, {900, 905, 895}}};
  EXPECT_NEAR(slower_by(first, {{1, {20.8, 20.9, 20.7}}, {4096, {936, 940, 930}}}).value(), 0.04, 1e-3);
  EXPECT_NEAR(slower_by(first, {{1, {19.2, 19.3, 19.1}}}).value(), -0.04, 1e-3);
  EXPECT_EQ(slower_by(first, {{1, {20.2, 20.3, 20.2}}, {4096, {910, 915, 905}}}), std::nullopt) << "1 %";
  EXPECT_EQ(slower_by(first, {{1, {20, 23, 22}}}), std::nullopt) << "they overlap";
  EXPECT_EQ(slower_by(first, {{64, {30, 30, 30}}}), std::nullopt) << "nothing in common";
}

}  // namespace
}  // namespace moetune::daemon::search
