#include "cli/sweep_follower.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "tests/cli/fake_daemon.hpp"
#include "tests/cli/program.hpp"
#include "tests/cli/sample_sweep.hpp"

namespace moetune::cli {
namespace {

using schema::ErrorCode;
using testing::Contains;
using testing::HasSubstr;

/// Keeps what it was shown.
class ShownDisplay : public ProgressDisplay {
 public:
  void show(const SweepStatus& status, const std::string& note, Clock::time_point) override {
    done_counts.push_back(status.done);
    notes.push_back(note);
    if (on_show) on_show(note);
  }
  void finish(const SweepStatus& status, Clock::time_point) override { last = status; }

  std::vector<std::int64_t> done_counts;
  std::vector<std::string> notes;
  SweepStatus last;
  std::function<void(const std::string& note)> on_show;
};

std::string event(const std::string& name, const nlohmann::ordered_json& data) {
  return "event: " + name + "\ndata: " + data.dump() + "\n\n";
}

class SweepFollowerTest : public testing::Test {
 protected:
  void set_sweep(const nlohmann::ordered_json& sweep) {
    const std::lock_guard lock(mutex_);
    sweep_ = sweep;
  }
  void serve_sweep(FakeDaemon& daemon) {
    daemon.on("GET /sweeps/3", [this](const SeenRequest&) {
      const std::lock_guard lock(mutex_);
      return FakeAnswer{.body = sweep_.dump()};
    });
  }
  schema::Result<SweepFollower::Outcome> follow(std::chrono::milliseconds patience = std::chrono::seconds(30)) {
    SweepFollower follower(connector_, Client::make({daemon_.url(), ""}).value(), 3, display_);
    follower.set_patience(patience);
    return follower.follow();
  }

  TemporaryFolder folder_;
  FakeDaemon daemon_;
  StringOutput notes_;
  Connector connector_{{.server = daemon_.url(), .data_dir = folder_.path(), .token = "", .executable = "no-such"},
                       notes_};
  ShownDisplay display_;
  std::mutex mutex_;  ///< guards sweep_
  nlohmann::ordered_json sweep_;
};

TEST_F(SweepFollowerTest, ShowsWhatTheEventsTell) {
  set_sweep(sample_sweep("running", 0, 0));
  serve_sweep(daemon_);
  daemon_.on("GET /sweeps/3/events",
             {.content_type = "text/event-stream", .stream = [this](const WritePiece& write) {
                write(event("state", sample_sweep("running", 10, 0)));
                write(event("trial", {{"batch", 1}}));
                write(event("progress", sample_sweep("running", 3000, 4)));
                set_sweep(sample_sweep("done", 5760, 18));
                return write(event("state", {{"id", 3}, {"state", "done"}, {"error", nullptr}}));
              }});
  const auto outcome = follow();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->end, SweepFollower::End::finished);
  EXPECT_EQ(outcome->status.state, schema::SweepState::done);
  EXPECT_EQ(outcome->answer, sample_sweep("done", 5760, 18));
  EXPECT_EQ(display_.last.done, 5760);
}

TEST_F(SweepFollowerTest, IsDoneAtOnceWithASweepThatHasEnded) {
  set_sweep(sample_sweep("cancelled", 40, 1));
  serve_sweep(daemon_);
  const auto outcome = follow();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status.state, schema::SweepState::cancelled);
  EXPECT_TRUE(daemon_.seen("GET /sweeps/3/events").empty());
}

TEST_F(SweepFollowerTest, SaysWhenThereIsNoSuchSweep) {
  daemon_.on("GET /sweeps/3", error_answer(404, "not_found", "there is no sweep 3"));
  EXPECT_EQ(follow().error().message, "there is no sweep 3");
}

TEST_F(SweepFollowerTest, ComesBackToAStreamThatBreaks) {
  set_sweep(sample_sweep("running", 100, 0));
  serve_sweep(daemon_);
  std::atomic<int> streams = 0;
  daemon_.on("GET /sweeps/3/events", [&](const SeenRequest&) {
    const int number = ++streams;
    return FakeAnswer{.content_type = "text/event-stream", .stream = [this, number](const WritePiece& write) {
                        if (number < 3) {
                          write(event("progress", sample_sweep("running", 100 * number, 0)));
                          return false;
                        }
                        set_sweep(sample_sweep("done", 5760, 2));
                        return write(event("state", {{"id", 3}, {"state", "done"}, {"error", nullptr}}));
                      }};
  });
  const auto outcome = follow();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status.state, schema::SweepState::done);
  EXPECT_GE(streams, 3);
}

TEST_F(SweepFollowerTest, AsksNowAndThenWhenAllEventStreamsAreTaken) {
  std::atomic<int> asked = 0;
  daemon_.on("GET /sweeps/3", [&](const SeenRequest&) {
    return FakeAnswer{
        .body = (++asked < 3 ? sample_sweep("running", asked * 10, 0) : sample_sweep("done", 5760, 1)).dump()};
  });
  daemon_.on("GET /sweeps/3/events", error_answer(503, "unavailable", "all event streams are taken"));
  const auto outcome = follow();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status.state, schema::SweepState::done);
}

TEST_F(SweepFollowerTest, GivesUpOnADaemonThatStaysAway) {
  set_sweep(sample_sweep("running", 100, 0));
  serve_sweep(daemon_);
  daemon_.on("GET /sweeps/3/events", {.stream = [](const WritePiece&) { return false; }});
  bool stopped = false;
  display_.on_show = [&](const std::string&) {
    if (!std::exchange(stopped, true)) daemon_.stop();
  };
  const auto outcome = follow(std::chrono::milliseconds(600));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::unavailable);
  EXPECT_THAT(outcome.error().message, HasSubstr("lost the daemon"));
  EXPECT_THAT(display_.notes, Contains("connection lost, waiting for the daemon"));
}

TEST_F(SweepFollowerTest, FollowsADaemonThatWasRestartedElsewhere) {
  set_sweep(sample_sweep("running", 100, 0));
  serve_sweep(daemon_);
  daemon_.on("GET /sweeps/3/events", {.stream = [](const WritePiece&) { return false; }});
  const std::string pid = std::to_string(::getpid());
  folder_.file("daemon.json", R"({"url":")" + daemon_.url() + R"(","pid":)" + pid + "}");
  Connector connector({.data_dir = folder_.path(), .token = "", .executable = "no-such"}, notes_);
  ASSERT_TRUE(connector.find());

  std::unique_ptr<FakeDaemon> second;
  display_.on_show = [&](const std::string& note) {
    if (!second && note.empty()) {
      daemon_.stop();
    } else if (!second) {
      second = std::make_unique<FakeDaemon>();
      set_sweep(sample_sweep("done", 5760, 2));
      serve_sweep(*second);
      folder_.file("daemon.json", R"({"url":")" + second->url() + R"(","pid":)" + pid + "}");
    }
  };
  SweepFollower follower(connector, connector.find().value(), 3, display_);
  const auto outcome = follower.follow();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status.state, schema::SweepState::done);
  EXPECT_EQ(follower.client().url(), second->url());
}

}  // namespace
}  // namespace moetune::cli
