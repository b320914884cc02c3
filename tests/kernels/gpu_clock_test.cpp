#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/fake_gpu.hpp"

namespace moetune::kernels {
namespace {

using schema::TrialStatus;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// What the clock does to a measurement.
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
  EXPECT_THAT(reply.samples_us, SizeIs(9));
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

}  // namespace
}  // namespace moetune::kernels
