#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/commands_fixture.hpp"
#include "tests/cli/sample_sweep.hpp"

namespace moetune::cli {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// The line with which tune says whether a file is worth it.
class TuneVerdictTest : public CommandsTest {};

TEST_F(TuneVerdictTest, EndsTheReport) {
  daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
  serve_sweep(sample_sweep("done", 5760, 2));
  daemon_.on("GET /best", {.body = R"({"results": [{"verdict": {"text": "worth it: 1.124x over 2 keys"}}]})"});
  EXPECT_EQ(run_with(tune()), ExitStatus::done);
  EXPECT_THAT(out(), HasSubstr("\nworth it: 1.124x over 2 keys\n\nnext:\n"));
  EXPECT_THAT(daemon_.seen("GET /best").at(0).target, StartsWith("/best?E=256&N=512&hidden_size=2048"));
  daemon_.on("GET /best", {.body = R"({"results": [{"verdict": {"text": "one"}}, {"verdict": {"text": "two"}}]})"});
  EXPECT_EQ(run_with(tune()), ExitStatus::done);
  EXPECT_THAT(out(), AllOf(Not(HasSubstr("\none\n")), Not(HasSubstr("\ntwo\n")))) << "nobody knows which is meant";
}

TEST_F(TuneVerdictTest, SaysThatItIsOverMoreThanThisSweep) {
  daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
  auto sweep = sample_sweep("done", 5760, 1);
  sweep["spec"]["batch"] = {1};
  serve_sweep(sweep);
  daemon_.on("GET /best", {.body = R"({"results": [{"verdict": {"batches": 18, "text": "worth it: 1.038x"}}]})"});
  EXPECT_EQ(run_with(tune({"--batch", "1"})), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("\nwith all rows of this problem: worth it: 1.038x\n"));
  daemon_.on("GET /best", {.body = R"({"results": [{"verdict": {"batches": 1, "text": "worth it: 1.038x"}}]})"});
  EXPECT_EQ(run_with(tune({"--batch", "1"})), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("\nworth it: 1.038x\n"));
}

TEST_F(TuneVerdictTest, IsAskedForWithTheKernelsShare) {
  daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
  serve_sweep(sample_sweep("done", 5760, 2));
  daemon_.on("GET /best", {.body = R"({"results": [{"verdict": {"text": "a whole step: 1.040x"}}]})"});
  EXPECT_EQ(run_with(tune({"--kernel-share", "0.35"})), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("\na whole step: 1.040x\n"));
  EXPECT_THAT(daemon_.seen("GET /best").at(0).target, EndsWith("&kernel_share=0.35"));
  const auto sweeps = daemon_.seen("POST /sweeps").size();
  EXPECT_EQ(run_with(tune({"--kernel-share", "35"})), ExitStatus::usage);
  EXPECT_THAT(err(), HasSubstr("--kernel-share must be a number over 0 and at most 1 (35 % is 0.35), not \"35\""));
  EXPECT_EQ(daemon_.seen("POST /sweeps").size(), sweeps) << "before anything is measured";
}

}  // namespace
}  // namespace moetune::cli
