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

TEST(TableTest, TheLastColumnGoesOnBelowItself) {
  Table table({{"batch", Align::right}, {"reason"}});
  table.add({"1", "faster than the default by far"});
  table.add({"16", "kept"});
  EXPECT_THAT(table.lines({}, 30),
              ElementsAre("batch  reason", "    1  faster than the default", "       by far", "   16  kept"));
  EXPECT_THAT(table.lines({}, 37),
              ElementsAre("batch  reason", "    1  faster than the default by far", "   16  kept"));
}

TEST(TableTest, WhereThereIsNoRoomForItTheLastColumnStandsBelow) {
  EXPECT_THAT(sample().lines({}, 40),
              ElementsAre("batch  config", "    reason", "    1  16x128x128 g1 w4 s3", "    faster than the default",
                          " 4096  64x64x64 g1 w4 s3", "    kept"));
  EXPECT_THAT(sample().lines({}, 49),
              ElementsAre("batch  config               reason", "    1  16x128x128 g1 w4 s3  faster than the",
                          "                            default", " 4096  64x64x64 g1 w4 s3    kept"));
}

TEST(TableTest, AWordThatIsTooLongIsNotCut) {
  Table table({{"id", Align::right}, {"name"}});
  table.add({"1", "vllm-0.33.0/E=8,N=256,device_name=NVIDIA_H200.json, discarded"});
  table.add({"2", ""});
  EXPECT_THAT(table.lines({}, 30), ElementsAre("id  name", " 1  vllm-0.33.0/E=8,N=256,device_name=NVIDIA_H200.json,",
                                               "    discarded", " 2"));
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
