#include "kernels/log_tail.hpp"

#include <gtest/gtest.h>

namespace moetune::kernels {
namespace {

TEST(LogTailTest, KeepsAShortLog) {
  EXPECT_EQ(log_tail("one\n\ttwo\n"), "one\n\ttwo\n");
  EXPECT_EQ(log_tail(""), "");
}

TEST(LogTailTest, KeepsTheEndFromTheStartOfALine) {
  EXPECT_EQ(log_tail("first line\nsecond\nthird", 15), "second\nthird");
  EXPECT_EQ(log_tail("0123456789", 4), "6789");
  EXPECT_EQ(log_tail("0123456789\n", 4), "789\n");
}

TEST(LogTailTest, ReplacesWhatTextCannotHold) {
  using namespace std::string_literals;
  EXPECT_EQ(log_tail("a\0b\x1b[31mred\r\x7f"s), "a?b?[31mred??");
  EXPECT_EQ(log_tail("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(log_tail("\xff \xc3( \xe2\x82 \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80"), "? ?( ?? ?? ??? ????");
}

TEST(LogTailTest, CutsNoCharacterInTwo) {
  EXPECT_EQ(log_tail("x\xe2\x82\xac\xe2\x82\xac", 4), "?\xe2\x82\xac");
}

}  // namespace
}  // namespace moetune::kernels
