#include "cli/daemon_launcher.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using Clock = std::chrono::steady_clock;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr std::uintmax_t k_large_log = 4 << 20;
constexpr std::size_t k_shown_lines = 5;
constexpr std::string_view k_ready = "listening on ";

class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&&) = delete;
  ~OwnedFd() { close(); }
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

/// posix_spawn's two setting objects with their lifetimes.
struct SpawnSettings {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

/// The log, for appending; what earlier daemons wrote is put aside once it is large.
Result<OwnedFd> open_log(const std::filesystem::path& path) {
  std::error_code error;
  if (const auto size = std::filesystem::file_size(path, error); !error && size > k_large_log) {
    std::filesystem::rename(path, path.string() + ".old", error);
  }
  OwnedFd log(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (log.get() < 0)
    return fail(ErrorCode::io, fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
  return log;
}

std::string log_since(const std::filesystem::path& path, std::streamoff start) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(start);
  std::ostringstream text;
  text << file.rdbuf();
  auto lines = split(printable_lines(text.str()), '\n');
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  std::string tail;
  for (std::size_t i = lines.size() - std::min(lines.size(), k_shown_lines); i < lines.size(); ++i) {
    tail += "\n  " + lines[i];
  }
  return tail;
}

Result<pid_t> spawn(const LaunchPlan& plan, int out, int log) {
  std::vector<std::string> words = {plan.executable.string(),
                                    "--data-dir",
                                    plan.data_dir.string(),
                                    "--listen",
                                    "127.0.0.1:0",
                                    "--exit-when-idle",
                                    fmt::format("{}", plan.idle.count())};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  SpawnSettings settings;
  posix_spawn_file_actions_addopen(&settings.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&settings.actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&settings.actions, log, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&settings.actions, STDERR_FILENO + 1);
  // This process ignores SIGPIPE and may have signals blocked: the daemon starts with neither.
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &all);
  posix_spawnattr_setflags(&settings.attributes,
                           static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  pid_t pid = 0;
  const int failure =
      ::posix_spawn(&pid, plan.executable.c_str(), &settings.actions, &settings.attributes, arguments.data(), environ);
  if (failure != 0) {
    return fail(ErrorCode::unavailable,
                fmt::format("cannot start {}: {}", plan.executable.string(), std::strerror(failure)));
  }
  return pid;
}

/// The URL of the daemon's ready line; nothing when its output ends or the deadline passes first.
std::string await_ready_line(int fd, Clock::time_point deadline) {
  std::string text;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return "";
    pollfd readable{fd, POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(left)) <= 0) continue;
    std::array<char, 512> piece{};
    const ssize_t count = ::read(fd, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return "";
    text.append(piece.data(), static_cast<std::size_t>(count));
    const auto start = text.find(k_ready);
    const auto end = start == std::string::npos ? start : text.find('\n', start);
    if (end != std::string::npos) return text.substr(start + k_ready.size(), end - start - k_ready.size());
  }
}

/// Waits for a process that is about to end; one that does not end by the deadline is killed.
void reap(pid_t pid, Clock::time_point deadline) {
  const OwnedFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd ended{process.get(), POLLIN, 0};
  if (process.get() < 0 || ::poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) != 1)
    ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

}  // namespace

Result<LaunchedDaemon> launch_daemon(const LaunchPlan& plan) {
  std::error_code error;
  std::filesystem::create_directories(plan.data_dir, error);
  if (error) return fail(ErrorCode::io, fmt::format("cannot make {}: {}", plan.data_dir.string(), error.message()));
  const auto log_path = plan.data_dir / "daemon.log";
  auto log = open_log(log_path);
  if (!log) return std::unexpected(log.error());
  const std::streamoff log_start = ::lseek(log->get(), 0, SEEK_END);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(ErrorCode::io, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  const OwnedFd reader(ends[0]);
  OwnedFd writer(ends[1]);
  const auto pid = spawn(plan, writer.get(), log->get());
  if (!pid) return std::unexpected(pid.error());
  writer.close();

  const auto deadline = Clock::now() + plan.patience;
  std::string url = await_ready_line(reader.get(), deadline);
  if (!url.empty()) return LaunchedDaemon{std::move(url), *pid};
  const bool late = Clock::now() >= deadline;
  reap(*pid, deadline);
  return fail(ErrorCode::unavailable,
              fmt::format("moetuned {}; its log {} ends with:{}", late ? "was not ready in time" : "could not start",
                          log_path.string(), log_since(log_path, log_start)));
}

std::filesystem::path daemon_executable() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (error ? std::filesystem::path() : self.parent_path()) / "moetuned";
}

}  // namespace moetune::cli
