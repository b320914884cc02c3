#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/text.hpp"
#include "tests/cli/commands_fixture.hpp"
#include "tests/cli/sample_sweep.hpp"

namespace moetune::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class BestTest : public CommandsTest {};

TEST_F(BestTest, SentencesFitTheTerminal) {
  auto answer = best_answer();
  auto& group = answer["results"][0];
  group["verdict"] = {{"worth_it", true},
                      {"text", "worth it: 1.100x over 3 keys" + std::string(20, '.') +
                                   " and what else there is to say of it in one sentence or two"}};
  group["unfinished"] = {7};
  group["between"] = {{"3", group["configs"]["1"]}, {"5", group["configs"]["1"]}};
  group["configs"]["1"]["chosen"]["config"]["num_warps"] = 8;
  group["configs"]["1"]["chosen"]["default"] = false;
  daemon_.on("GET /best", {.body = answer.dump()});
  traits_.interactive = true;
  EXPECT_EQ(run_with({"best", "-E", "256", "-N", "512"}), ExitStatus::done) << err();
  for (const auto& line : split(out(), '\n')) EXPECT_LE(width_of(line), 80U) << line;
  EXPECT_THAT(out(), HasSubstr("\n    16x128x128 g1 w8 s3: faster than"));
  EXPECT_THAT(out(), HasSubstr("\n  of it in one sentence or two\n"));
}

TEST_F(BestTest, AWideTerminalHasTheChosenTileInItsColumn) {
  auto answer = best_answer();
  auto& entry = answer["results"][0]["configs"]["1"];
  entry["chosen"]["config"]["num_warps"] = 8;
  entry["chosen"]["default"] = false;
  daemon_.on("GET /best", {.body = answer.dump()});
  traits_.interactive = true;
  size_.columns = 200;
  EXPECT_EQ(run_with({"best", "-E", "256", "-N", "512"}), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("  16x128x128 g1 w8 s3  "));
  EXPECT_THAT(out(), Not(HasSubstr("another")));
  size_.columns = 80;
  EXPECT_EQ(run_with({"best", "-E", "256", "-N", "512"}), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("another"));
}

TEST_F(BestTest, NamesTheSweepsWhereTheBestRowIsNotOfTheOneThatDecides) {
  auto answer = best_answer();
  auto& configs = answer["results"][0]["configs"];
  for (auto& [batch, entry] : configs.items()) {
    entry["sweep"] = batch == "1" ? "ab-1" : "ab-2";
    entry["chosen"]["sweep"] = "ab-2";
  }
  daemon_.on("GET /best", {.body = answer.dump()});
  EXPECT_EQ(run_with({"best", "-E", "256", "-N", "512"}), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("\nbatch 1: the best row is of ab-1, what is chosen is decided by ab-2\n"));
  configs["1"]["sweep"] = "ab-2";
  daemon_.on("GET /best", {.body = answer.dump()});
  EXPECT_EQ(run_with({"best", "-E", "256", "-N", "512"}), ExitStatus::done) << err();
  EXPECT_THAT(out(), Not(HasSubstr("decided by")));
}

}  // namespace
}  // namespace moetune::cli
