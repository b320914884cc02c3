#include "daemon/supervisor/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>

namespace moetune::daemon {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr int k_patience_ms = 5000;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return fail(ErrorCode::io, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void set_non_blocking(const UniqueFd& fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK);
}

/// The file actions and attributes of one posix_spawn.
class SpawnPlan {
 public:
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    // The daemon blocks and ignores signals; the child starts without either, as the leader of its own group.
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  void connect(int from, int to) { ::posix_spawn_file_actions_adddup2(&actions_, from, to); }

  /// Returns an errno value. Nothing else that is open in the daemon reaches the child.
  int spawn(pid_t& pid, char* const* argv, char* const* environment) {
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    return ::posix_spawnp(&pid, argv[0], &actions_, &attributes_, argv, environment);
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::vector<std::string> environment_of(const Command& command) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const auto& [name, value] : command.environment) variables[name] = value;
  std::vector<std::string> entries;
  for (const auto& [name, value] : variables) entries.push_back(name + "=" + value);
  return entries;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

std::string to_text(const ExitStatus& status) {
  if (status.code) return fmt::format("exit status {}", *status.code);
  const int number = status.signal.value_or(0);
  const char* name = ::sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("signal {} (SIG{})", number, name);
}

Result<ChildProcess> ChildProcess::spawn(const Command& command) {
  if (command.argv.empty()) return fail(ErrorCode::internal, "a child process needs a program");
  auto in = make_pipe();
  auto out = make_pipe();
  auto log = make_pipe();
  for (const auto* pipe : {&in, &out, &log}) {
    if (!*pipe) return std::unexpected(pipe->error());
  }
  SpawnPlan plan;
  plan.connect(in->read.get(), STDIN_FILENO);
  plan.connect(out->write.get(), STDOUT_FILENO);
  plan.connect(log->write.get(), STDERR_FILENO);
  auto arguments = command.argv;
  auto variables = environment_of(command);

  ChildProcess child;
  if (const int error = plan.spawn(child.pid_, pointers_to(arguments).data(), pointers_to(variables).data())) {
    child.pid_ = -1;
    return fail(ErrorCode::io, fmt::format("cannot start {}: {}", command.argv[0], std::strerror(error)));
  }
  child.pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid_, 0)));
  if (!child.pidfd_) {
    return fail(ErrorCode::io, fmt::format("cannot watch {}: pidfd_open: {}", command.argv[0], std::strerror(errno)));
  }
  child.stdin_ = std::move(in->write);
  child.stdout_ = std::move(out->read);
  child.stderr_ = std::move(log->read);
  for (const auto* fd : {&child.stdin_, &child.stdout_, &child.stderr_}) set_non_blocking(*fd);
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      stdin_(std::move(other.stdin_)),
      stdout_(std::move(other.stdout_)),
      stderr_(std::move(other.stderr_)),
      status_(other.status_) {}

ChildProcess::~ChildProcess() {
  if (pid_ < 0 || status_) return;
  signal_group(SIGKILL);
  // A process that a driver holds in the kernel may not die for a while; the daemon does not wait for that.
  pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  ::poll(&ended, 1, k_patience_ms);
  ::waitpid(pid_, nullptr, WNOHANG);
}

void ChildProcess::signal_group(int signal) const {
  // Until it is reaped the child holds its process id, so the group cannot be somebody else's.
  if (pid_ > 0 && !status_) ::kill(-pid_, signal);
}

std::int64_t ChildProcess::resident_bytes() const {
  if (pid_ < 0 || status_) return 0;
  std::ifstream statm(fmt::format("/proc/{}/statm", pid_));
  std::int64_t total_pages = 0;
  std::int64_t resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return statm ? resident_pages * ::sysconf(_SC_PAGESIZE) : 0;
}

std::optional<ExitStatus> ChildProcess::try_wait() {
  if (status_ || pid_ < 0) return status_;
  siginfo_t ended{};
  const auto peek = static_cast<unsigned>(WEXITED | WNOHANG | WNOWAIT);
  if (::waitid(P_PID, static_cast<id_t>(pid_), &ended, static_cast<int>(peek)) != 0 || ended.si_pid == 0) return {};
  signal_group(SIGKILL);
  int raw = 0;
  while (::waitpid(pid_, &raw, 0) < 0 && errno == EINTR) {
  }
  status_ = WIFEXITED(raw) ? ExitStatus{.code = WEXITSTATUS(raw), .signal = {}}
                           : ExitStatus{.code = {}, .signal = WTERMSIG(raw)};
  return status_;
}

}  // namespace moetune::daemon
