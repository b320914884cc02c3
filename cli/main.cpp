#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/app.hpp"
#include "cli/daemon_launcher.hpp"

int main(int argc, char** argv) {
  using namespace moetune::cli;
  ::signal(SIGPIPE, SIG_IGN);  // a reader that has seen enough shows as a failed write
  FdOutput out(STDOUT_FILENO);
  FdOutput err(STDERR_FILENO);
  const Surroundings surroundings{
      .out = out,
      .err = err,
      .environment = process_environment,
      .out_traits = inspect_terminal(STDOUT_FILENO, process_environment),
      .err_traits = inspect_terminal(STDERR_FILENO, process_environment),
      .out_size = [] { return terminal_size(STDOUT_FILENO); },
      .err_size = [] { return terminal_size(STDERR_FILENO); },
      .program = argc > 0 ? argv[0] : "moetune",
      .daemon_executable = daemon_executable(),
  };
  const auto status = run({argv + std::min(argc, 1), argv + argc}, surroundings);
  if (out.failure() != 0 && out.failure() != EPIPE) {
    err.line(fmt::format("moetune: cannot write to stdout: {}", std::strerror(out.failure())));
    return static_cast<int>(ExitStatus::failed);
  }
  return static_cast<int>(status);
}
