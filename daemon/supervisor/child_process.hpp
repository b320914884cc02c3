#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/unique_fd.hpp"
#include "schema/error.hpp"

namespace moetune::daemon {

using kernels::UniqueFd;

/// How a process ended: with an exit status, or by a signal.
struct ExitStatus {
  std::optional<int> code;
  std::optional<int> signal;
  bool operator==(const ExitStatus&) const = default;
};
/// "exit status 3", "signal 11 (SIGSEGV)".
std::string to_text(const ExitStatus& status);

/// What to start. The first element of `argv` is a path or is looked for in PATH.
struct Command {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;  ///< added to the daemon's own
};

/// A child process that leads a process group of its own, with pipes for stdin, stdout and stderr (the daemon's ends do
/// not block) and a pidfd that becomes readable when it has ended. Done means ended, not end of file: a grandchild that
/// keeps a pipe open delays nothing. Destroying it kills the group and reaps the child. Move-only, not thread-safe. A
/// child may ask for a signal at its parent's death: the parent is the thread that spawned it, so spawn from a thread
/// that lives as long as its children.
class ChildProcess {
 public:
  /// Errors: io naming the program and the reason.
  static schema::Result<ChildProcess> spawn(const Command& command);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  int stdin_fd() const { return stdin_.get(); }
  int stdout_fd() const { return stdout_.get(); }
  int stderr_fd() const { return stderr_.get(); }

  /// End of file for the child: the polite way to say that it should end.
  void close_stdin() { stdin_.reset(); }
  void close_stdout() { stdout_.reset(); }
  void close_stderr() { stderr_.reset(); }
  /// Signals the whole group, as long as the child has not been reaped.
  void signal_group(int signal) const;
  /// Bytes of physical memory that the child holds now; 0 when it has ended.
  std::int64_t resident_bytes() const;
  /// Once the child has ended: kills what is left of its group, reaps it and says how it ended. Empty while it lives.
  std::optional<ExitStatus> try_wait();

 private:
  ChildProcess() = default;
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd stdin_;
  UniqueFd stdout_;
  UniqueFd stderr_;
  std::optional<ExitStatus> status_;
};

}  // namespace moetune::daemon
