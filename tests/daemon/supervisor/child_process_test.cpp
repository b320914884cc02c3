#include "daemon/supervisor/child_process.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string_view>

namespace moetune::daemon {
namespace {

using ::testing::HasSubstr;

ChildProcess shell(const std::string& script) {
  return ChildProcess::spawn({.argv = {"/bin/sh", "-c", script}, .environment = {}}).value();
}

bool readable(int fd, int milliseconds = 10'000) {
  pollfd waited{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&waited, 1, milliseconds) == 1;
}

ExitStatus end_of(ChildProcess& child) {
  EXPECT_TRUE(readable(child.pidfd()));
  return child.try_wait().value();
}

/// Everything up to the end of file.
std::string all_of(int fd) {
  std::string text;
  char chunk[256];
  while (readable(fd)) {
    const auto got = ::read(fd, chunk, sizeof chunk);
    if (got <= 0) break;
    text.append(chunk, static_cast<std::size_t>(got));
  }
  return text;
}

/// Whether a process that is not our child runs (a zombie does not).
bool runs(const std::string& pid) {
  const auto state = std::filesystem::path("/proc") / pid / "stat";
  std::error_code ignored;
  if (!std::filesystem::exists(state, ignored)) return false;
  const kernels::UniqueFd fd(::open(state.c_str(), O_RDONLY | O_CLOEXEC));
  const auto text = fd ? all_of(fd.get()) : std::string();
  const auto end = text.rfind(") ");
  return end != std::string::npos && text[end + 2] != 'Z';
}

/// Waits for a process that was killed: the signal has been sent, but to go may take it a moment.
bool goes(const std::string& pid) {
  for (int i = 0; i < 100'000 && runs(pid); ++i) ::sched_yield();
  return !runs(pid);
}

TEST(ChildProcessTest, TellsHowAProcessEnded) {
  auto exits = shell("exit 3");
  EXPECT_EQ(end_of(exits), (ExitStatus{.code = 3, .signal = {}}));
  EXPECT_EQ(to_text(end_of(exits)), "exit status 3");
  auto dies = shell("kill -SEGV $$");
  EXPECT_EQ(to_text(end_of(dies)), "signal 11 (SIGSEGV)");
}

TEST(ChildProcessTest, KnowsNothingWhileTheProcessLives) {
  auto child = shell("read line");
  EXPECT_FALSE(child.try_wait());
  child.close_stdin();
  EXPECT_EQ(end_of(child).code, 1);
}

TEST(ChildProcessTest, ConnectsThreePipes) {
  auto child = shell("read line; echo \"out $line\"; echo \"log $line\" >&2");
  ASSERT_EQ(::write(child.stdin_fd(), "hello\n", 6), 6);
  EXPECT_EQ(all_of(child.stdout_fd()), "out hello\n");
  EXPECT_EQ(all_of(child.stderr_fd()), "log hello\n");
}

TEST(ChildProcessTest, InheritsNoOtherFile) {
  const kernels::UniqueFd open(::open("/dev/null", O_RDONLY));
  ASSERT_GT(open.get(), 2);
  auto child = shell("ls /proc/$$/fd");
  EXPECT_EQ(all_of(child.stdout_fd()).find(std::to_string(open.get())), std::string::npos);
}

TEST(ChildProcessTest, StartsWithSignalsUnblockedAndDefault) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &all, &before), 0);
  auto child = shell("grep -E 'SigBlk|SigIgn' /proc/self/status");
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
  // 32 and 33 are the C library's own.
  EXPECT_THAT(all_of(child.stdout_fd()),
              ::testing::MatchesRegex("SigBlk:\t0000000000000000\nSigIgn:\t0000000[01]80000000\n|"
                                      "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
}

TEST(ChildProcessTest, AddsToTheEnvironment) {
  auto child = ChildProcess::spawn({.argv = {"sh", "-c", "echo $MOETUNE_X; [ -n \"$PATH\" ] && echo path"},
                                    .environment = {{"MOETUNE_X", "a b"}}})
                   .value();
  EXPECT_EQ(all_of(child.stdout_fd()), "a b\npath\n");
}

TEST(ChildProcessTest, NamesAProgramThatIsNotThere) {
  const auto refused = ChildProcess::spawn({.argv = {"/no/such/program"}, .environment = {}});
  EXPECT_EQ(refused.error().code, schema::ErrorCode::io);
  EXPECT_THAT(refused.error().message, HasSubstr("cannot start /no/such/program: No such file"));
}

TEST(ChildProcessTest, IsDoneWhenItEndsAndTakesItsGroupAlong) {
  auto child = shell("sleep 1000 & echo $!; exit 0");
  EXPECT_EQ(end_of(child).code, 0);
  // The grandchild held both pipes; with it gone there is an end of file.
  auto grandchild = all_of(child.stdout_fd());
  grandchild.pop_back();
  EXPECT_TRUE(goes(grandchild));
}

TEST(ChildProcessTest, KillsItsGroupWhenItIsDropped) {
  std::string grandchild;
  {
    auto child = shell("sleep 1000 & echo $!; wait");
    ASSERT_TRUE(readable(child.stdout_fd()));
    char text[32] = {};
    ASSERT_GT(::read(child.stdout_fd(), text, sizeof text - 1), 0);
    grandchild = std::string(text, std::string_view(text).find('\n'));
    ASSERT_TRUE(runs(grandchild));
  }
  EXPECT_TRUE(goes(grandchild));
}

TEST(ChildProcessTest, KnowsTheMemoryOfAProcessThatLives) {
  auto child = shell("read line");
  EXPECT_GT(child.resident_bytes(), 0);
  child.close_stdin();
  end_of(child);
  EXPECT_EQ(child.resident_bytes(), 0);
}

}  // namespace
}  // namespace moetune::daemon
