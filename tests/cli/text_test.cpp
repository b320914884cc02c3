#include "cli/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::cli {
namespace {

using testing::ElementsAre;

TEST(TextTest, CountsColumnsNotBytes) {
  EXPECT_EQ(width_of("batch"), 5U);
  EXPECT_EQ(width_of("━━╸─"), 4U);
  EXPECT_EQ(width_of("\x1b[32mok\x1b[0m 12"), 5U);
}

TEST(TextTest, MarksWhatItCutsOff) {
  EXPECT_EQ(shortened("exactly", 7, true), "exactly");
  EXPECT_EQ(shortened("too long", 7, true), "too lo…");
  EXPECT_EQ(shortened("too long", 7, false), "too lo.");
  EXPECT_EQ(shortened("━━━━", 3, true), "━━…");
  EXPECT_EQ(shortened("gone", 0, true), "");
}

TEST(TextTest, PadsOnTheSideThatAlignmentLeavesFree) {
  EXPECT_EQ(padded("7", 3, Align::right), "  7");
  EXPECT_EQ(padded("ab", 3, Align::left), "ab ");
  EXPECT_EQ(padded("longer", 3, Align::left), "longer");
}

TEST(TextTest, TakesTheTeethOutOfEscapeSequences) {
  EXPECT_EQ(printable("\x1b]0;title\x07text"), " ]0;title text");
  EXPECT_EQ(printable("a\nb\tc\x7f"), "a b c ");
  EXPECT_EQ(printable("\xC2\x9B"), " ");  // CSI as one C1 control
  EXPECT_EQ(printable("µs ━"), "µs ━");
  EXPECT_EQ(printable_lines("a\nb\x1b[2J"), "a\nb [2J");
}

TEST(TextTest, QuotesForTheShellOnlyWhereItMust) {
  EXPECT_EQ(shell_word("NVIDIA_H200"), "NVIDIA_H200");
  EXPECT_EQ(shell_word("triton 3.6.0"), "'triton 3.6.0'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("$(reboot)"), "'$(reboot)'");
  EXPECT_EQ(shell_word(""), "''");
}

TEST(TextTest, SplitsAtEverySeparator) {
  EXPECT_THAT(split("1,2,,4", ','), ElementsAre("1", "2", "", "4"));
  EXPECT_THAT(split("", ','), ElementsAre(""));
}

TEST(TextTest, WrapsWordsWithinTheColumns) {
  EXPECT_THAT(wrapped({"ok 12", "failed 3", "cached 4"}, "  ", 15), ElementsAre("ok 12  failed 3", "cached 4"));
  EXPECT_THAT(wrapped({"a word that is too long"}, "  ", 5), ElementsAre("a word that is too long"));
  EXPECT_THAT(wrapped({}, "  ", 5), ElementsAre());
}

TEST(TextTest, FillsLinesWithASentence) {
  EXPECT_THAT(filled("one two three", 0), ElementsAre("one two three"));
  EXPECT_THAT(filled("one two three", 13), ElementsAre("one two three"));
  EXPECT_THAT(filled("one two three", 8), ElementsAre("one two", "  three"));
  EXPECT_THAT(filled("  one two three four", 9), ElementsAre("  one two", "    three", "    four"));
  EXPECT_THAT(filled("a longer-than-a-line word", 8), ElementsAre("a", "  longer-than-a-line", "  word"));
  EXPECT_THAT(filled("apart  from  that", 10), ElementsAre("apart", "  from", "  that"));
  EXPECT_THAT(filled("", 8), ElementsAre(""));
  EXPECT_THAT(filled("one two\nthree four five\n\nsix", 10), ElementsAre("one two", "three four", "  five", "", "six"));
  EXPECT_THAT(filled("one two\nthree", 0), ElementsAre("one two", "three"));
}

}  // namespace
}  // namespace moetune::cli
