#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include "kernels/residency_plan.hpp"
#include "tests/kernels/fake_gpu.hpp"

namespace moetune::kernels {
namespace {

using schema::TrialStatus;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// What the clock and the heat of a scan do to a measurement.
class GpuClockTest : public testing::FakeGpuTest {};

TEST_F(GpuClockTest, MeasuresAgainWhenTheClockFell) {
  // The first job sets the norm; the second is measured at 1500 MHz, then rested at 1980.
  set("FAKE_SM_CLOCKS", "1980,1500,1980");
  set("MOETUNE_TEST_MEASURE_DELAY_MS", "10");
  auto worker = start();
  const auto candidate = job("us=20");
  EXPECT_EQ(worker->measure(candidate).sm_clock_mhz, 1980);
  const auto reply = worker->measure(candidate);
  EXPECT_EQ(reply.status, TrialStatus::ok);
  EXPECT_EQ(reply.sm_clock_mhz, 1980);
  EXPECT_THAT(reply.log_tail, HasSubstr("the clock fell"));
  EXPECT_THAT(reply.samples_us, SizeIs(3));
}

TEST_F(GpuClockTest, GoesOnWithAClockThatStaysLow) {
  set("FAKE_SM_CLOCKS", "1980,1500");
  set("FAKE_THROTTLE", "32");
  set("MOETUNE_TEST_MEASURE_DELAY_MS", "10");
  auto worker = start();
  const auto candidate = job("us=20");
  EXPECT_EQ(worker->measure(candidate).sm_clock_mhz, 1980);
  auto reply = worker->measure(candidate);
  EXPECT_EQ(reply.sm_clock_mhz, 1500);
  EXPECT_EQ(reply.throttle, "sw_thermal_slowdown");
  reply = worker->measure(candidate);
  EXPECT_EQ(reply.log_tail, "");
}

TEST_F(GpuClockTest, AScanTakesFewSamplesOfEverybodyAndOneOfTheHopeless) {
  auto worker = start();
  auto candidate = job("us=20");
  candidate.quick = true;
  using Case = std::pair<std::optional<double>, std::size_t>;
  for (const auto& [best, count] : {Case(std::nullopt, 3), Case(39.5, 3), Case(32, 3), Case(10, 1)}) {
    candidate.best_us = best;
    const auto reply = worker->measure(candidate);
    EXPECT_THAT(reply.samples_us, AllOf(SizeIs(count), Each(::testing::DoubleNear(40, 0.01))));
    EXPECT_EQ(reply.sm_clock_mhz, 1980);
    EXPECT_EQ(reply.log_tail, "");
  }
  candidate.apart = true;
  EXPECT_THAT(worker->measure(candidate).samples_us, SizeIs(3));
  auto wrong = job("us=20 wrong=1000");
  wrong.quick = true;
  EXPECT_EQ(worker->measure(wrong).status, TrialStatus::wrong_result);
}

TEST_F(GpuClockTest, AScanTellsThatTheClockFellAndGoesOn) {
  set("FAKE_SM_CLOCKS", "1980,1500");
  set("MOETUNE_TEST_MEASURE_DELAY_MS", "10");
  request_.batches = {1, 256};
  ASSERT_TRUE(is_heavy(request_.problem, 256));
  auto worker = start();
  auto candidate = job("us=20", 256);
  candidate.quick = true;
  auto light = job("us=20");
  light.quick = true;
  EXPECT_EQ(worker->measure(candidate).status, TrialStatus::ok);
  // The norm stays that of the cool GPU, however often it is missed.
  for (int i = 0; i < 10; ++i) {
    const auto reply = worker->measure(candidate);
    EXPECT_EQ(reply.status, TrialStatus::ok);
    EXPECT_EQ(reply.log_tail, k_clock_fell);
    EXPECT_EQ(reply.sm_clock_mhz, 1500);
    EXPECT_THAT(reply.samples_us, SizeIs(3));
    EXPECT_EQ(worker->measure(light).log_tail, "") << "a light batch does not heat, it finds the clock low";
  }
  // Rests that do not help make it the norm.
  candidate.quick = false;
  EXPECT_EQ(worker->measure(candidate).log_tail, k_measured_again);
  candidate.quick = true;
  EXPECT_EQ(worker->measure(candidate).log_tail, "");
}

TEST_F(GpuClockTest, AScanNeverRestsAndWhatFollowsItRestsFirst) {
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;
  request_.batches = {1, 256};
  ASSERT_TRUE(is_heavy(request_.problem, 256));
  auto worker = start();
  // A replay takes longer than all heat that is remembered, 60 ms: a rest would take as long.
  const milliseconds rest{60};
  auto heavy = job("us=100000", 256);
  heavy.quick = true;
  auto begin = steady_clock::now();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(worker->measure(heavy).status, TrialStatus::ok);
  EXPECT_LT(steady_clock::now() - begin, 10 * rest);
  begin = steady_clock::now();
  EXPECT_EQ(worker->measure(heavy).status, TrialStatus::ok);
  auto light = job("us=20");
  light.best_us = 10;
  EXPECT_EQ(worker->measure(light).status, TrialStatus::ok);
  EXPECT_GE(steady_clock::now() - begin, rest);
}

}  // namespace
}  // namespace moetune::kernels
