#include "cli/daemon_launcher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "tests/cli/program.hpp"

namespace moetune::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class DaemonLauncherTest : public testing::Test {
 protected:
  ~DaemonLauncherTest() override {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }
  schema::Result<LaunchedDaemon> launch(const std::string& script,
                                        std::chrono::milliseconds patience = std::chrono::seconds(30)) {
    const auto program = folder_.file("moetuned", "#!/bin/sh\n" + script);
    ::chmod(program.c_str(), 0755);
    auto launched = launch_daemon({program, data_dir_, std::chrono::seconds(5), patience});
    if (launched) pid_ = launched->pid;
    return launched;
  }
  TemporaryFolder folder_;
  std::filesystem::path data_dir_ = folder_.path() / "data" / "moetune";
  pid_t pid_ = -1;
};

TEST_F(DaemonLauncherTest, GivesItASessionOfItsOwnAndNothingOfOurs) {
  const auto launched = launch(
      "ls -l /proc/self/fd > \"$2/fds\"; ps -o sid=,pid= -p $$ > \"$2/session\"\n"
      "echo noise; echo 'listening on http://127.0.0.1:1'; echo started >&2; exec sleep 60\n");
  ASSERT_TRUE(launched) << launched.error().message;
  EXPECT_EQ(launched->url, "http://127.0.0.1:1");
  EXPECT_EQ(::getsid(launched->pid), launched->pid);
  EXPECT_THAT(read_file(data_dir_ / "fds"), HasSubstr("/dev/null"));
  EXPECT_THAT(read_file(data_dir_ / "fds"), Not(HasSubstr("socket")));
}

TEST_F(DaemonLauncherTest, LetsItMeetClosedPipesAndSignalsAsUsual) {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto launched = launch(
      "grep -E 'SigBlk|SigIgn' /proc/self/status | cut -f 2 > \"$2/signals\"\n"
      "echo 'listening on http://127.0.0.1:1'; exec sleep 60\n");
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(launched);
  std::istringstream masks(read_file(data_dir_ / "signals"));
  std::uint64_t blocked_there = 1;
  std::uint64_t ignored_there = 1;
  masks >> std::hex >> blocked_there >> ignored_there;
  EXPECT_EQ(blocked_there, 0U);
  constexpr std::uint64_t k_internal = 3ULL << 31;  // the C library keeps signals 32 and 33 to itself
  EXPECT_EQ(ignored_there & ~k_internal, 0U);
}

TEST_F(DaemonLauncherTest, KeepsTheLogsOfAllRunsAndShowsTheLastOnesEnd) {
  ASSERT_FALSE(launch("echo first >&2; exit 1\n"));
  const auto failed = launch("for i in 1 2 3 4 5 6 7; do echo \"line $i\" >&2; done; exit 1\n");
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("line 7"));
  EXPECT_THAT(failed.error().message, Not(HasSubstr("line 2")));
  EXPECT_THAT(failed.error().message, Not(HasSubstr("first")));
  EXPECT_THAT(read_file(data_dir_ / "daemon.log"), HasSubstr("first"));
}

TEST_F(DaemonLauncherTest, EndsADaemonThatIsNotReadyInTime) {
  const auto late =
      launch("echo $$ > \"$2/pid\"; trap '' TERM; while :; do sleep 1; done\n", std::chrono::milliseconds(500));
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().message, HasSubstr("not ready in time"));
  EXPECT_NE(::kill(std::stoi(read_file(data_dir_ / "pid")), 0), 0);
}

TEST_F(DaemonLauncherTest, NamesTheProgramThatCannotBeRun) {
  const auto launched = launch_daemon({folder_.path() / "missing", data_dir_, std::chrono::seconds(5)});
  ASSERT_FALSE(launched);
  EXPECT_THAT(launched.error().message, HasSubstr("missing"));
}

TEST_F(DaemonLauncherTest, PutsALargeLogAside) {
  std::filesystem::create_directories(data_dir_);
  folder_.file("data/moetune/daemon.log", std::string(5 << 20, 'x'));
  ASSERT_FALSE(launch("exit 1\n"));
  EXPECT_LT(std::filesystem::file_size(data_dir_ / "daemon.log"), 1000U);
  EXPECT_TRUE(std::filesystem::exists(data_dir_ / "daemon.log.old"));
}

}  // namespace
}  // namespace moetune::cli
