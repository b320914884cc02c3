#include "cli/error_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::cli {
namespace {

using schema::Error;
using schema::ErrorCode;
using testing::HasSubstr;

TEST(ErrorTextTest, TellsUsageFromFailure) {
  for (const auto code : {ErrorCode::invalid_argument, ErrorCode::too_large, ErrorCode::unsupported_media}) {
    EXPECT_EQ(exit_status_of({code, "", nullptr}), ExitStatus::usage);
  }
  for (const auto code : {ErrorCode::not_found, ErrorCode::conflict, ErrorCode::unavailable, ErrorCode::unauthorized,
                          ErrorCode::forbidden, ErrorCode::data_damaged, ErrorCode::io, ErrorCode::internal}) {
    EXPECT_EQ(exit_status_of({code, "", nullptr}), ExitStatus::failed);
  }
}

TEST(ErrorTextTest, BreaksALongMessageForATerminal) {
  const Error error{
      ErrorCode::not_found, "no row has what was asked for", {{"try", {"moetune trials --format jsonl"}}}};
  EXPECT_EQ(error_text(error, 20),
            "moetune: no row has\n  what was asked for\ntry:\n  moetune trials --format jsonl\n");
  EXPECT_EQ(error_text(error), "moetune: no row has what was asked for\ntry:\n  moetune trials --format jsonl\n");
}

TEST(ErrorTextTest, ListsTheNearestProblemsAsFlags) {
  const Error error{
      ErrorCode::not_found, "no measured row matches",
      nlohmann::json::parse(
          R"({"nearest": [{"E": 8, "N": 512, "dtype": null}, {"E": 16, "N": 512, "dtype": "fp8_w8a8"}]})")};
  EXPECT_EQ(error_text(error),
            "moetune: no measured row matches\nthe nearest that is known:\n  -E 8 -N 512 --dtype none\n"
            "  -E 16 -N 512 --dtype fp8_w8a8\n");
}

TEST(ErrorTextTest, GivesLinesToTry) {
  const Error error{ErrorCode::conflict, "2 groups match", {{"try", {"moetune export -E 8", "moetune export -E 9"}}}};
  EXPECT_EQ(error_text(error), "moetune: 2 groups match\ntry one of:\n  moetune export -E 8\n  moetune export -E 9\n");
}

TEST(ErrorTextTest, SaysWhereATokenGoes) {
  EXPECT_THAT(error_text({ErrorCode::unauthorized, "a token is required", nullptr}), HasSubstr("$MOETUNE_TOKEN"));
}

TEST(ErrorTextTest, PrintsNoEscapeSequencesFromElsewhere) {
  EXPECT_EQ(error_text({ErrorCode::io, "bad \x1b[31mred", nullptr}), "moetune: bad  [31mred\n");
}

}  // namespace
}  // namespace moetune::cli
