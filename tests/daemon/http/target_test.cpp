#include "daemon/http/target.hpp"

#include <gtest/gtest.h>

namespace moetune::daemon::http {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(TargetTest, TakesPathAndQueryApart) {
  const auto target =
      target_from_text("/sweeps/7/events?device=NVIDIA%20H200&block_shape=128%2C128&dtype=&x=a+b&&flag");
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(target->segments, (std::vector<std::string>{"sweeps", "7", "events"}));
  EXPECT_EQ(target->query.all(),
            (Pairs{{"device", "NVIDIA H200"}, {"block_shape", "128,128"}, {"dtype", ""}, {"x", "a b"}, {"flag", ""}}));
}

TEST(TargetTest, KeepsEqualsSignsOfAValueAndSlashesThatAreEncoded) {
  const auto target = target_from_text("/a%2Fb/c?key=x=y");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->segments, (std::vector<std::string>{"a/b", "c"}));
  EXPECT_EQ(target->query.get("key"), "x=y");
  EXPECT_EQ(target->query.get("other"), std::nullopt);
}

TEST(TargetTest, TellsATrailingSlashFromNone) {
  EXPECT_TRUE(target_from_text("/")->segments.empty());
  EXPECT_EQ(target_from_text("/best/")->segments, (std::vector<std::string>{"best", ""}));
  EXPECT_EQ(target_from_text("//best")->segments, (std::vector<std::string>{"", "best"}));
}

TEST(TargetTest, RefusesARepeatedParameterByItsDecodedName) {
  const auto target = target_from_text("/best?E=256&%45=128");
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code, schema::ErrorCode::invalid_argument);
  EXPECT_EQ(target.error().message, "query parameter \"E\" is given more than once");
}

class BadTargetTest : public testing::TestWithParam<const char*> {};

TEST_P(BadTargetTest, IsRefusedAsTheClientsFault) {
  const auto target = target_from_text(GetParam());
  ASSERT_FALSE(target) << GetParam();
  EXPECT_EQ(target.error().code, schema::ErrorCode::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Targets, BadTargetTest,
                         testing::Values("", "best", "http://localhost/best", "/a?x=%", "/a?x=%4", "/a?x=%zz", "/a%2",
                                         "/a?%ff=1", "/a?x=%00", "/a?x=%0d%0a", "/a?x=%c0%af", "/a?x=%ed%a0%80",
                                         "/a?x=%f5%80%80%80", "/a?x=\xff", "/%e2%82"));

TEST(Utf8Test, AcceptsEveryLengthAndTheBorders) {
  for (const char* text : {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
}

TEST(Utf8Test, RefusesOverlongFormsSurrogatesAndCutSequences) {
  for (const char* text : {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                           "\xf8\x88\x80\x80\x80", "\xe2\x82", "a\xc3"}) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
}

}  // namespace
}  // namespace moetune::daemon::http
