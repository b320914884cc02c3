#include "cli/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::cli {
namespace {

using testing::ElementsAre;

Table sample() {
  Table table({{"batch", Align::right}, {"config", Align::left}, {"reason", Align::left}});
  table.add({"1", "16x128x128 g1 w4 s3", "faster than the default"});
  table.add({"4096", "64x64x64 g1 w4 s3", {"kept", Tone::good}});
  return table;
}

TEST(TableTest, AlignsColumnsAndLeavesNoTrailingBlanks) {
  EXPECT_THAT(sample().lines({}, 0),
              ElementsAre("batch  config               reason", "    1  16x128x128 g1 w4 s3  faster than the default",
                          " 4096  64x64x64 g1 w4 s3    kept"));
}

TEST(TableTest, CutsTheLastColumnToTheTerminal) {
  const TerminalTraits traits{.interactive = true, .color = false, .unicode = true};
  EXPECT_THAT(sample().lines(traits, 40),
              ElementsAre("batch  config               reason", "    1  16x128x128 g1 w4 s3  faster than…",
                          " 4096  64x64x64 g1 w4 s3    kept"));
}

TEST(TableTest, LeavesTheLastColumnOutWhereThereIsNoRoomForIt) {
  EXPECT_THAT(sample().lines({}, 36),
              ElementsAre("batch  config               reason", "    1  16x128x128 g1 w4 s3  faster .",
                          " 4096  64x64x64 g1 w4 s3    kept"));
  EXPECT_THAT(sample().lines({}, 35),
              ElementsAre("batch  config", "    1  16x128x128 g1 w4 s3", " 4096  64x64x64 g1 w4 s3"));
}

TEST(TableTest, ColoursCellsWithoutMovingThem) {
  const TerminalTraits traits{.interactive = true, .color = true, .unicode = true};
  const auto lines = sample().lines(traits, 0);
  EXPECT_EQ(lines[2], " 4096  64x64x64 g1 w4 s3    \x1b[32mkept\x1b[0m");
  EXPECT_EQ(width_of(lines[1]), width_of(sample().lines({}, 0)[1]));
}

TEST(TableTest, PrintsNoControlCharactersFromElsewhere) {
  Table table({{"text"}});
  table.add({"a\x1b[2Jb"});
  EXPECT_EQ(table.lines({}, 0)[1], "a [2Jb");
}

}  // namespace
}  // namespace moetune::cli
