#include "cli/error_answer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::cli {
namespace {

using schema::ErrorCode;
using testing::HasSubstr;

constexpr std::string_view k_url = "http://127.0.0.1:8765";

TEST(ErrorAnswerTest, TakesTheDaemonsErrorAsItIs) {
  const auto error =
      error_of_answer(k_url, 409, R"({"error":{"code":"conflict","message":"3 groups match","detail":{"groups":[]}}})");
  EXPECT_EQ(error.code, ErrorCode::conflict);
  EXPECT_EQ(error.message, "3 groups match");
  EXPECT_TRUE(error.detail.contains("groups"));
}

TEST(ErrorAnswerTest, FollowsTheStatusWhenTheCodeIsNotKnown) {
  EXPECT_EQ(error_of_answer(k_url, 404, R"({"error":{"code":"gone","message":"m"}})").code, ErrorCode::not_found);
  EXPECT_EQ(error_of_answer(k_url, 418, R"({"error":{"code":1,"message":"m"}})").code, ErrorCode::invalid_argument);
}

TEST(ErrorAnswerTest, QuotesWhatIsNotMoetuned) {
  const auto error = error_of_answer(k_url, 502, "<html>\x1b[2JBad Gateway</html>");
  EXPECT_EQ(error.code, ErrorCode::internal);
  EXPECT_THAT(error.message, HasSubstr("status 502: <html> [2JBad Gateway"));
  EXPECT_THAT(error.message, HasSubstr(k_url));
}

TEST(ErrorAnswerTest, HoldsOddShapes) {
  for (const char* body :
       {"", "[]", "null", "{\"error\": 7}", "{\"error\": {\"message\": null}}", "{\"error\": [1]}"}) {
    EXPECT_EQ(error_of_answer(k_url, 503, body).code, ErrorCode::unavailable) << body;
  }
}

}  // namespace
}  // namespace moetune::cli
