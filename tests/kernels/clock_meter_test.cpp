#include "kernels/clock_meter.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace moetune::kernels {
namespace {

TEST(ClockMeterTest, IsTheMeanOverTheMultiprocessorsThatRan) {
  std::vector<ClockRow> rows(512);
  EXPECT_FALSE(clock_of(rows, 32));
  rows[0].cycles = 1'980'000;
  rows[0].ns = 1'000'000;
  rows[7].cycles = 1'940'000;
  rows[7].ns = 1'000'000;
  EXPECT_EQ(clock_of(rows, 32), 1960);
}

TEST(ClockMeterTest, ATimerThatIsTooCoarseSaysNothing) {
  std::vector<ClockRow> rows(1);
  rows[0].cycles = 198'000;
  rows[0].ns = 100'000;
  EXPECT_EQ(clock_of(rows, 500), 1980);
  EXPECT_FALSE(clock_of(rows, 1024));
  EXPECT_FALSE(clock_of(rows, 0));
}

}  // namespace
}  // namespace moetune::kernels
