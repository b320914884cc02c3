#include "daemon/supervisor/run_program.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "daemon/supervisor/pipe_input.hpp"

namespace moetune::daemon {
namespace {

using schema::ErrorCode;
using schema::fail;
using SteadyClock = std::chrono::steady_clock;

constexpr int k_look_ms = 100;

}  // namespace

schema::Result<ProgramEnd> run_program(const Command& command, std::string_view input, std::chrono::milliseconds limit,
                                       std::size_t max_bytes) {
  auto child = ChildProcess::spawn(command);
  if (!child) return std::unexpected(child.error());
  const auto deadline = SteadyClock::now() + limit;
  ProgramEnd end;
  bool out_open = true;
  bool err_open = true;
  bool feeding = true;
  for (;;) {
    if (feeding && !input.empty()) {
      const auto sent = ::write(child->stdin_fd(), input.data(), input.size());
      if (sent > 0) input.remove_prefix(static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN && errno != EINTR) input = {};  // it does not want the rest
    }
    if (feeding && input.empty()) {
      child->close_stdin();
      feeding = false;
    }
    const auto ended = child->try_wait();
    out_open = out_open && read_available(child->stdout_fd(), end.out);
    err_open = err_open && read_available(child->stderr_fd(), end.err);
    if (ended) {
      end.status = *ended;
      return end;
    }
    if (end.out.size() + end.err.size() > max_bytes) {
      return fail(ErrorCode::unavailable, fmt::format("{} wrote more than {} bytes", command.argv.front(), max_bytes));
    }
    if (SteadyClock::now() > deadline) {
      return fail(ErrorCode::unavailable, fmt::format("{} took longer than {} s", command.argv.front(),
                                                      std::chrono::duration_cast<std::chrono::seconds>(limit).count()));
    }
    std::array<pollfd, 4> fds = {{{child->pidfd(), POLLIN, 0},
                                  {out_open ? child->stdout_fd() : -1, POLLIN, 0},
                                  {err_open ? child->stderr_fd() : -1, POLLIN, 0},
                                  {feeding ? child->stdin_fd() : -1, POLLOUT, 0}}};
    ::poll(fds.data(), fds.size(), k_look_ms);
  }
}

}  // namespace moetune::daemon
