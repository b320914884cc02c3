// What only the real program shows: signals, terminals, pipes, and daemons that it starts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "cli/text.hpp"
#include "tests/cli/fake_daemon.hpp"
#include "tests/cli/program.hpp"
#include "tests/cli/sample_sweep.hpp"

namespace moetune::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* k_hide_cursor = "\x1b[?25l";
constexpr const char* k_show_cursor = "\x1b[?25h";

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() {
    daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
    daemon_.on("GET /sweeps/3", [this](const SeenRequest&) {
      const std::lock_guard lock(mutex_);
      return FakeAnswer{.body = sweep_.dump()};
    });
    daemon_.on("GET /sweeps/3/events", {.content_type = "text/event-stream",
                                        .stream = [this](const WritePiece& write) { return send_events(write); }});
  }
  ~ProgramTest() override { daemon_.stop(); }

  /// The sweep is this from now on, and whoever follows it is told.
  void set_sweep(const nlohmann::ordered_json& sweep) {
    const std::lock_guard lock(mutex_);
    sweep_ = sweep;
    ++version_;
    changed_.notify_all();
  }
  std::vector<std::string> tune(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {MOETUNE_PROGRAM, "tune", "-E",     "256", "-N",       "512",
                                      "--hidden-size", "2048", "--topk", "8",   "--server", daemon_.url()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static Program::Options terminal(unsigned short columns = 80, unsigned short rows = 24) {
    return {.environment = {{"TERM", "xterm"}, {"LANG", "C.UTF-8"}, {"HOME", "/nowhere"}, {"NO_COLOR", "1"}},
            .terminal = true,
            .columns = columns,
            .rows = rows};
  }
  static Program::Options pipes() { return {.environment = {{"HOME", "/nowhere"}}}; }

  FakeDaemon daemon_;
  TemporaryFolder folder_;

 private:
  bool send_events(const WritePiece& write) {
    int sent = -1;
    while (true) {
      nlohmann::ordered_json sweep;
      {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::milliseconds(50), [&] { return version_ != sent; });
        if (version_ == sent) {
          lock.unlock();
          if (!write(": nothing new\n\n")) return false;
          continue;
        }
        sent = version_;
        sweep = sweep_;
      }
      if (!write("event: progress\ndata: " + sweep.dump() + "\n\n")) return false;
      if (sweep["state"] == "done") return true;
    }
  }

  std::mutex mutex_;  ///< guards the rest
  std::condition_variable changed_;
  nlohmann::ordered_json sweep_ = sample_sweep("running", 100, 1);
  int version_ = 0;
};

TEST_F(ProgramTest, DrawsProgressOnATerminalAndGivesTheCursorBack) {
  Program program(tune(), terminal());
  ASSERT_TRUE(program.wait_for("100/5760")) << program.out();
  EXPECT_THAT(program.out(), HasSubstr(k_hide_cursor));
  set_sweep(sample_sweep("running", 2995, 3));
  ASSERT_TRUE(program.wait_for("2995/5760")) << program.out();
  set_sweep(sample_sweep("done", 5760, 3));
  EXPECT_EQ(program.finish(), 0);
  EXPECT_THAT(program.out(), AllOf(HasSubstr("━"), HasSubstr("sweep 3 done in 3m05s"), HasSubstr("next:")));
  EXPECT_GT(program.out().rfind(k_show_cursor), program.out().rfind(k_hide_cursor));
  EXPECT_THAT(program.out(), Not(HasSubstr("\x1b[31m")));
}

TEST_F(ProgramTest, PrintsPlainLinesIntoAPipe) {
  Program program(tune(), pipes());
  ASSERT_TRUE(program.wait_for("sweep 3: running, 100/5760")) << program.err();
  set_sweep(sample_sweep("done", 5760, 3));
  EXPECT_EQ(program.finish(), 0);
  EXPECT_THAT(program.err(), AllOf(HasSubstr("sweep 3: done, 5760/5760 (100%)"), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(program.out(), AllOf(HasSubstr("batch  default us"), Not(HasSubstr("\x1b"))));
}

TEST_F(ProgramTest, PrintsPlainLinesOnADumbTerminal) {
  auto options = terminal();
  options.environment["TERM"] = "dumb";
  Program program(tune(), options);
  ASSERT_TRUE(program.wait_for("sweep 3: running, 100/5760")) << program.out();
  set_sweep(sample_sweep("done", 5760, 3));
  EXPECT_EQ(program.finish(), 0);
  EXPECT_THAT(program.out(), Not(HasSubstr("\x1b")));
}

TEST_F(ProgramTest, DetachesOnInterruptAndSaysHowToGoOn) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Program program(tune(), terminal(120));
    ASSERT_TRUE(program.wait_for("100/5760")) << program.out();
    program.send(signal);
    EXPECT_EQ(program.finish(), 0);
    EXPECT_THAT(program.out(), AllOf(HasSubstr("detached; sweep 3 goes on"), HasSubstr("sweep 3 --follow"),
                                     HasSubstr("resume 3"), HasSubstr("cancel 3"), Not(HasSubstr("next:"))));
    EXPECT_GT(program.out().rfind(k_show_cursor), program.out().rfind(k_hide_cursor));
  }
  for (const auto& request : daemon_.seen()) EXPECT_THAT(request.target, Not(HasSubstr("cancel")));
}

TEST_F(ProgramTest, FitsATerminalThatIsResized) {
  Program program(tune(), terminal(120));
  ASSERT_TRUE(program.wait_for("kernel cuda")) << program.out();
  program.resize(60, 24);
  ASSERT_TRUE(program.wait_for("fp8_…")) << program.out();
  program.send(SIGINT);
  EXPECT_EQ(program.finish(), 0);
}

TEST_F(ProgramTest, StopsAndComesBackAsAShellWantsIt) {
  Program program(tune(), terminal());
  ASSERT_TRUE(program.wait_for("100/5760")) << program.out();
  program.send(SIGTSTP);
  int status = 0;
  ASSERT_EQ(::waitpid(program.pid(), &status, WUNTRACED), program.pid());
  ASSERT_TRUE(WIFSTOPPED(status));
  program.send(SIGCONT);
  set_sweep(sample_sweep("running", 2995, 1));
  ASSERT_TRUE(program.wait_for("2995/5760")) << program.out();
  const auto stopped = program.out().find(k_show_cursor);
  EXPECT_NE(stopped, std::string::npos);
  EXPECT_GT(program.out().rfind(k_hide_cursor), stopped);
  program.send(SIGINT);
  EXPECT_EQ(program.finish(), 0);
}

TEST_F(ProgramTest, PutsJsonAloneOnStdout) {
  Program program(tune({"--json"}), pipes());
  ASSERT_TRUE(program.wait_for("100/5760")) << program.err();
  set_sweep(sample_sweep("done", 5760, 3));
  EXPECT_EQ(program.finish(), 0);
  EXPECT_EQ(program.out(), sample_sweep("done", 5760, 3).dump() + "\n");
}

TEST_F(ProgramTest, EndsQuietlyWhenItsReaderHasSeenEnough) {
  std::atomic<bool> broken_off = false;
  daemon_.on("GET /trials", {.content_type = "application/x-ndjson", .stream = [&](const WritePiece& write) {
                               while (write(std::string(1000, 'x') + "\n")) {
                               }
                               broken_off = true;
                               return true;
                             }});
  Program program({MOETUNE_PROGRAM, "--server", daemon_.url(), "trials"}, pipes());
  ASSERT_TRUE(program.wait_for("xxx"));
  program.close_output();
  EXPECT_EQ(program.finish(), 0);
  EXPECT_EQ(program.err(), "");
  daemon_.stop();
  EXPECT_TRUE(broken_off);
}

TEST_F(ProgramTest, SaysThatStdoutIsFull) {
  daemon_.on("GET /trials", {.body = "{}\n"});
  Program program(
      {"/bin/sh", "-c", std::string(MOETUNE_PROGRAM) + " --server " + daemon_.url() + " trials > /dev/full"}, pipes());
  EXPECT_EQ(program.finish(), 1);
  EXPECT_EQ(program.err(), "moetune: cannot write to stdout: No space left on device\n");
}

TEST_F(ProgramTest, StreamsRowsInConstantMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers want far more address space than the limit that this test sets";
#endif
  constexpr int k_lines = 300'000;  // about 300 MB
  daemon_.on("GET /trials", {.content_type = "application/x-ndjson", .stream = [](const WritePiece& write) {
                               const std::string block = (std::string(999, 'x') + "\n");
                               std::string piece;
                               for (int i = 0; i < 100; ++i) piece += block;
                               for (int i = 0; i < k_lines / 100; ++i) {
                                 if (!write(piece)) return false;
                               }
                               return true;
                             }});
  Program program(
      {"/bin/sh", "-c",
       "ulimit -v 400000; " + std::string(MOETUNE_PROGRAM) + " --server " + daemon_.url() + " trials | wc -l"},
      pipes());
  EXPECT_EQ(program.finish(), 0) << program.err();
  EXPECT_EQ(program.out(), std::to_string(k_lines) + "\n");
}

/// moetune in a folder beside a script that stands in for moetuned.
class OwnDaemonTest : public ProgramTest {
 protected:
  OwnDaemonTest() {
    std::filesystem::copy_file(MOETUNE_PROGRAM, folder_.path() / "moetune");
    std::filesystem::create_directory(folder_.path() / "data");
  }
  void write_moetuned(const std::string& script) const {
    const auto path = folder_.file("moetuned", "#!/bin/sh\n" + script);
    ::chmod(path.c_str(), 0755);
  }
  std::vector<std::string> words(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {(folder_.path() / "moetune").string(), "--data-dir",
                                      (folder_.path() / "data").string()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void kill_daemon() const {
    if (const auto pid = read_file(folder_.path() / "data" / "pid"); !pid.empty()) ::kill(std::stoi(pid), SIGKILL);
  }
  ~OwnDaemonTest() override { kill_daemon(); }
};

TEST_F(OwnDaemonTest, StartsADaemonThatOutlivesIt) {
  write_moetuned("echo $$ > \"$2/pid\"; echo 'listening on " + daemon_.url() + "'; exec sleep 60\n");
  Program program(words({"tune", "-E", "256", "-N", "512", "--hidden-size", "2048", "--topk", "8", "--detach"}),
                  pipes());
  EXPECT_EQ(program.finish(), 0) << program.err();
  EXPECT_THAT(program.err(),
              HasSubstr("started moetuned (pid " + split(read_file(folder_.path() / "data/pid"), '\n')[0] + ")"));
  EXPECT_EQ(::kill(std::stoi(read_file(folder_.path() / "data/pid")), 0), 0);
}

TEST_F(OwnDaemonTest, StartsItsDaemonAgainWhenItDies) {
  // Leaves a daemon.json as moetuned does; the first one dies once its sweep is being followed.
  write_moetuned("echo $$ > \"$2/pid\"; echo \"{\\\"url\\\":\\\"" + daemon_.url() +
                 "\\\",\\\"pid\\\":$$}\" > \"$2/daemon.json\"\n"
                 "echo started >> \"$2/starts\"; echo 'listening on " +
                 daemon_.url() + "'; exec sleep 60\n");
  std::atomic<int> streams = 0;
  daemon_.on("GET /sweeps/3/events", [&](const SeenRequest&) {
    const bool first = ++streams == 1;
    return FakeAnswer{.stream = [this, first](const WritePiece& write) {
      if (first) {
        kill_daemon();
        return false;
      }
      set_sweep(sample_sweep("done", 5760, 2));
      return write("event: progress\ndata: " + sample_sweep("done", 5760, 2).dump() + "\n\n");
    }};
  });
  Program program(words({"tune", "-E", "256", "-N", "512", "--hidden-size", "2048", "--topk", "8"}), pipes());
  EXPECT_EQ(program.finish(), 0) << program.err();
  EXPECT_EQ(read_file(folder_.path() / "data/starts"), "started\nstarted\n") << program.err();
}

}  // namespace
}  // namespace moetune::cli
