#include "cli/commands/sweep_batch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/fake_daemon.hpp"
#include "tests/cli/program.hpp"
#include "tests/cli/sample_sweep.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// A daemon that takes every sweep, with the ids 3, 4, ..., and ends them as it is told.
class SweepBatchTest : public testing::Test {
 protected:
  SweepBatchTest() {
    daemon_.on("POST /sweeps", [this](const SeenRequest&) {
      return FakeAnswer{.status = 202, .body = ordered_json{{"id", next_id_++}}.dump()};
    });
    for (const int id : {3, 4}) ends(id, "done");
  }

  void ends(int id, const std::string& state) {
    daemon_.on("GET /sweeps/" + std::to_string(id), {.body = sweep(id, state).dump()});
  }

  static ordered_json sweep(int id, const std::string& state) {
    auto answer = sample_sweep(state, 5760, 1);
    answer["id"] = id;
    return answer;
  }

  static std::vector<SweepRequest> two() {
    const ordered_json spec = {{"E", 256}, {"N", 512}, {"hidden_size", 2048}, {"topk", 8}};
    ordered_json other = spec;
    other["N"] = 256;
    return {{spec, "Model, tp 4"}, {other, "Model, tp 8"}};
  }

  schema::Result<ExitStatus> run(const std::vector<SweepRequest>& requests, bool json = false,
                                 Detach detach = Detach::no, const std::string& recording = "") {
    const GlobalOptions options{.server = daemon_.url(), .json = json};
    Connector connector({.server = daemon_.url(), .data_dir = folder_.path(), .executable = "no-such"}, err_);
    const auto size = [] { return TerminalSize(); };
    const Environment environment = [](const char*) { return std::optional<std::string>(); };
    Context context{options, connector, environment, out_, err_, {}, {}, size, size};
    return tune_all(context, requests, recording, detach);
  }

  FakeDaemon daemon_;
  TemporaryFolder folder_;
  StringOutput out_;
  StringOutput err_;
  int next_id_ = 3;
};

TEST_F(SweepBatchTest, CreatesEverySweepBeforeItFollowsOne) {
  EXPECT_EQ(run(two()), ExitStatus::done);
  const auto seen = daemon_.seen();
  std::vector<std::string> sizes;
  for (std::size_t i = 0; i < 10 && sizes.size() < 2; ++i) {
    if (seen.at(i).target == "/sweeps") sizes.push_back(ordered_json::parse(seen[i].body)["N"].dump());
    EXPECT_FALSE(seen.at(i).target.starts_with("/sweeps/"));
  }
  EXPECT_THAT(sizes, testing::ElementsAre("512", "256"));
}

TEST_F(SweepBatchTest, ShowsEachResultUnderItsTitle) {
  EXPECT_EQ(run(two()), ExitStatus::done);
  EXPECT_THAT(out_.text(), StartsWith("Model, tp 4\nsweep 3 done in 3m05s"));
  EXPECT_THAT(out_.text(), HasSubstr("\n\nModel, tp 8\nsweep 4 done in 3m05s"));
}

TEST_F(SweepBatchTest, PrintsSeveralSweepsAsOneObject) {
  EXPECT_EQ(run(two(), true), ExitStatus::done);
  EXPECT_EQ(out_.text(), (ordered_json{{"sweeps", {sweep(3, "done"), sweep(4, "done")}}}).dump() + "\n");
}

TEST_F(SweepBatchTest, GoesOnAfterASweepThatFailedAndFails) {
  ends(3, "failed");
  EXPECT_EQ(run(two()), ExitStatus::failed);
  EXPECT_THAT(out_.text(), HasSubstr("sweep 4 done"));
  EXPECT_THAT(err_.text(), HasSubstr("sweep 3 failed"));
}

TEST_F(SweepBatchTest, LeavesAtOnceWithAllIds) {
  ends(4, "queued");
  EXPECT_EQ(run(two(), false, Detach::yes), ExitStatus::done);
  EXPECT_THAT(out_.text(), AllOf(HasSubstr("sweep 3 --follow\n"), HasSubstr("sweep 4 --follow\n")));
  next_id_ = 3;
  out_ = StringOutput();
  EXPECT_EQ(run(two(), true, Detach::yes), ExitStatus::done);
  EXPECT_EQ(out_.text(), (ordered_json{{"sweeps", {sweep(3, "done"), sweep(4, "queued")}}}).dump() + "\n");
}

TEST_F(SweepBatchTest, CancelsWhatItCreatedWhenALaterOneIsRefused) {
  daemon_.on("POST /sweeps", [this](const SeenRequest& request) {
    if (ordered_json::parse(request.body)["N"] == 256)
      return error_answer(400, "invalid_argument", "sweep.N must be a multiple of 512");
    return FakeAnswer{.status = 202, .body = ordered_json{{"id", next_id_++}}.dump()};
  });
  daemon_.on("POST /sweeps/3/cancel", {.body = sweep(3, "cancelled").dump()});
  const auto refused = run(two());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, "Model, tp 8: -N must be a multiple of 512; cancelled again: 3");
  EXPECT_EQ(daemon_.seen("POST /sweeps/3/cancel").size(), 1U);
}

TEST_F(SweepBatchTest, SaysWhatStaysWhenItCannotBeCancelled) {
  daemon_.on("POST /sweeps", [this](const SeenRequest&) {
    if (next_id_ == 4) return error_answer(503, "unavailable", "the queue is full");
    return FakeAnswer{.status = 202, .body = ordered_json{{"id", next_id_++}}.dump()};
  });
  daemon_.on("POST /sweeps/3/cancel", error_answer(409, "conflict", "sweep 3 is done"));
  const auto refused = run(two());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, "Model, tp 8: the queue is full; still there, see moetune sweeps: 3");
}

TEST_F(SweepBatchTest, UploadsARecordingOnce) {
  daemon_.on("POST /uploads", {.status = 201, .body = R"({"id":"upload-7"})"});
  EXPECT_EQ(run(two(), false, Detach::yes, folder_.file("rows.jsonl", "{}\n").string()), ExitStatus::done);
  EXPECT_EQ(daemon_.seen("POST /uploads").size(), 1U);
  for (const auto& request : daemon_.seen("POST /sweeps")) {
    EXPECT_EQ(ordered_json::parse(request.body)["recording"], "upload-7");
  }
}

}  // namespace
}  // namespace moetune::cli
