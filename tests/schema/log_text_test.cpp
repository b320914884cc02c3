#include "schema/log_text.hpp"

#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

std::string plain(std::string_view bytes) {
  std::string whole;
  LogText().append(bytes, whole);
  std::string pieces;
  LogText text;
  for (const char c : bytes) text.append({&c, 1}, pieces);
  EXPECT_EQ(pieces, whole) << bytes;
  return whole;
}

TEST(LogTextTest, TakesTerminalSequencesOut) {
  EXPECT_EQ(plain("a\x1b[1;31mb\x1b[0mc"), "abc");
  EXPECT_EQ(plain("a\x1b]0;title\ab\x1b]8;;http://x\x1b\\c"), "abc");
  EXPECT_EQ(plain("a\x1b(b"), "ab");
  EXPECT_EQ(plain("a\r\nb\tc"), "a\n\nb c");
}

TEST(LogTextTest, ASequenceWithoutEndHidesNothingForLong) {
  EXPECT_EQ(plain("\x1b[12\nnext"), "\nnext");
  EXPECT_GE(plain("\x1b]" + std::string(100, 'x')).size(), 30U);
}

TEST(LogTextTest, UndoesTheEscapesOfJson) {
  EXPECT_EQ(plain(R"(a\nb\/c\"d\u003de)"), "a\nb/c\"d=e");
  EXPECT_EQ(plain(R"(a\\nb\\\\\"c)"), "a\nb\"c");
  EXPECT_EQ(plain(R"(\u001b[31mred\u001b[0m)"), "red");
}

TEST(LogTextTest, KeepsWhatEscapesNothing) {
  EXPECT_EQ(plain(R"(\d \u12 \uZ \u00e9)"), R"(\d \u12 \uZ \u00e9)");
}

}  // namespace
}  // namespace moetune::schema
