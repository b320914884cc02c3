#include <gmock/gmock.h>

#include "tests/cli/commands_fixture.hpp"

namespace moetune::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string k_answer = R"({"id":2,"name":"a.log","source":"iterations","imported_at":"2026-11-22T00:00:00Z",
    "lines":3,"steps":3,"note":"scheduled tokens","batches":[{"tokens":12,"steps":2,"time_ms":null},
    {"tokens":700,"steps":1,"time_ms":null}],"imports":[{"id":2,"name":"a.log","source":"iterations",
    "imported_at":"2026-11-22T00:00:00Z","steps":3},{"id":1,"name":"b.log","source":"cudagraph",
    "imported_at":"2026-11-21T00:00:00Z","steps":9}]})";

class TrafficTest : public CommandsTest {
 protected:
  static std::string step(int context, int generation) {
    return "INFO Iteration(0): 1 context requests, " + std::to_string(context) +
           " context tokens, 1 generation requests, " + std::to_string(generation) + " generation tokens, x\n";
  }
};

TEST_F(TrafficTest, ImportSendsWhatItReadAndSaysWhatThatWas) {
  daemon_.on("POST /traffic", {.body = k_answer});
  const auto path = folder_.file("a.log", "INFO start\n" + step(0, 12) + step(690, 10) + step(4, 8));
  EXPECT_EQ(run_with({"traffic", "import", path}), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("traffic 2: 3 steps of 2 different sizes, from 3 lines of iterations in a.log\nnote: "));
  const json sent = json::parse(daemon_.seen()[0].body);
  EXPECT_EQ(sent, json::parse(R"({"name":"a.log","source":"iterations","lines":3,
      "batches":[{"tokens":12,"steps":2},{"tokens":700,"steps":1}]})"));
  EXPECT_EQ(run_with({"traffic", "import", path, "--json"}), ExitStatus::done);
  EXPECT_EQ(json::parse(out())["id"], 2);
}

TEST_F(TrafficTest, ImportNamesWhatItLeftAside) {
  daemon_.on("POST /traffic", {.body = k_answer});
  const auto path = folder_.file(
      "a.log", step(0, 12) + "Batchsize forward time stats (batchsize, count, median_time(ms)): [(16, 3, 7.5)]\n");
  EXPECT_EQ(run_with({"traffic", "import", path}), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("1 lines of batch_times"));
  EXPECT_THAT(err(), HasSubstr("1 lines of iterations are left aside"));
}

TEST_F(TrafficTest, AFileThatTellsNothingIsBadInputAndNothingIsSent) {
  const auto path = folder_.file("a.log", "INFO start\n");
  EXPECT_EQ(run_with({"traffic", "import", path}), ExitStatus::usage);
  EXPECT_THAT(err(), HasSubstr("--cudagraph-metrics"));
  EXPECT_TRUE(daemon_.seen().empty());
}

TEST_F(TrafficTest, ShowPrintsATableAndTheOtherImports) {
  daemon_.on("GET /traffic", {.body = k_answer});
  EXPECT_EQ(run_with({"traffic", "show", "--id", "2"}), ExitStatus::done) << err();
  EXPECT_EQ(daemon_.seen()[0].target, "/traffic?id=2");
  EXPECT_THAT(out(), HasSubstr("traffic 2: 3 steps, 3 lines of iterations in a.log, imported 2026-11-22T00:00:00Z\n"
                               "note: scheduled tokens\n"));
  EXPECT_THAT(out(), HasSubstr("    12      2     66.7%"));
  EXPECT_THAT(out(), HasSubstr("also imported: 1 (b.log, 9 steps, 2026-11-21T00:00:00Z)\n"));
  EXPECT_EQ(run_with({"traffic", "show", "--json"}), ExitStatus::done);
  EXPECT_EQ(json::parse(out()), json::parse(k_answer));
}

}  // namespace
}  // namespace moetune::cli
