#include "cli/format.hpp"

#include <gtest/gtest.h>

namespace moetune::cli {
namespace {

TEST(FormatTest, GivesMicrosecondsFewerDecimalsAsTheyGrow) {
  EXPECT_EQ(microseconds_text(18.0214), "18.021");
  EXPECT_EQ(microseconds_text(999.9994), "999.999");
  EXPECT_EQ(microseconds_text(999.9996), "1000.00");
  EXPECT_EQ(microseconds_text(1843.219), "1843.22");
  EXPECT_EQ(microseconds_text(10250.44), "10250.4");
  EXPECT_EQ(microseconds_text(std::nullopt), "-");
}

TEST(FormatTest, GivesDurationsInTheTwoUnitsThatMatter) {
  EXPECT_EQ(duration_text(0.2), "0s");
  EXPECT_EQ(duration_text(59.4), "59s");
  EXPECT_EQ(duration_text(59.6), "1m00s");
  EXPECT_EQ(duration_text(88.4), "1m28s");
  EXPECT_EQ(duration_text(3720), "1h02m");
  EXPECT_EQ(duration_text(183600), "2d03h");
  EXPECT_EQ(duration_text(std::nullopt), "-");
}

TEST(FormatTest, GivesBytesInBinaryUnits) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1024), "1.0 KiB");
  EXPECT_EQ(bytes_text(12'897'485), "12.3 MiB");
  EXPECT_EQ(bytes_text((std::int64_t{1} << 30) - 1), "1.0 GiB");
  EXPECT_EQ(bytes_text(std::int64_t{1} << 41), "2.0 TiB");
}

TEST(FormatTest, SaysHundredPercentOnlyWhenAllIsDone) {
  EXPECT_EQ(percent_text(0, 0), "0%");
  EXPECT_EQ(percent_text(5759, 5760), "99%");
  EXPECT_EQ(percent_text(5760, 5760), "100%");
}

TEST(FormatTest, ShowsGainsToATenthOfAPercent) {
  EXPECT_EQ(speedup_text(1.1238), "1.124x");
  EXPECT_EQ(speedup_text(std::nullopt), "-");
}

TEST(FormatTest, ShowsSlowRatesWithADecimal) {
  EXPECT_EQ(rate_text(0.41), "0.4");
  EXPECT_EQ(rate_text(99.94), "99.9");
  EXPECT_EQ(rate_text(249.6), "250");
}

}  // namespace
}  // namespace moetune::cli
