#include "kernels/worker_channel.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include "schema/strict_json.hpp"

namespace moetune::kernels {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr std::size_t k_max_request = 4U << 20;

std::unexpected<schema::Error> io_failure(std::string_view what) {
  return fail(ErrorCode::io, fmt::format("worker cannot {}: {}", what, std::strerror(errno)));
}

/// The daemon's end of the death pipe is gone: nobody wants the answer, and a compiler cannot be asked to stop.
void end_with_daemon() {
  pollfd death{.fd = STDIN_FILENO, .events = 0, .revents = 0};
  while (::poll(&death, 1, -1) < 0 && errno == EINTR) {
  }
  ::_exit(0);
}

}  // namespace

Result<WorkerChannel> WorkerChannel::take_over() {
  // The thread below sees a daemon that ends; this also catches one that is killed while the thread cannot run.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return io_failure("ask for a signal at its parent's death");
  std::signal(SIGPIPE, SIG_IGN);
  UniqueFd out(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!out) return io_failure("move stdout aside");
  if (::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return io_failure("point stdout at stderr");
  std::thread(end_with_daemon).detach();
  return WorkerChannel(std::move(out));
}

Result<std::optional<nlohmann::json>> WorkerChannel::receive() {
  std::size_t searched = 0;
  for (;;) {
    const auto end = received_.find('\n', searched);
    if (end != std::string::npos) {
      auto request = schema::parse_json(std::string_view(received_).substr(0, end), "request");
      received_.erase(0, end + 1);
      if (!request) return std::unexpected(request.error());
      return std::optional(std::move(*request));
    }
    if (received_.size() > k_max_request) return fail(ErrorCode::invalid_argument, "request is longer than 4 MiB");
    searched = received_.size();
    char chunk[4096];
    const auto got = ::read(STDIN_FILENO, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_failure("read a request");
    if (got == 0) return std::nullopt;
    received_.append(chunk, static_cast<std::size_t>(got));
  }
}

Result<void> WorkerChannel::send(const nlohmann::json& reply) {
  return send_raw(reply.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n");
}

Result<void> WorkerChannel::send_raw(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(out_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_failure("write a reply");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> limit_address_space(std::int64_t mib) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  static_cast<void>(mib);
#else
  const auto bytes = static_cast<rlim_t>(mib) << 20;
  const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) return io_failure(fmt::format("limit its memory to {} MiB", mib));
#endif
  return {};
}

}  // namespace moetune::kernels
