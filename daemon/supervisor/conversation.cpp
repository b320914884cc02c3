#include "daemon/supervisor/conversation.hpp"

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

/// What has come since the question.
struct Conversation::Heard {
  std::string out;
  std::string err;
  bool out_open = true;
  bool err_open = true;

  void take(const ChildProcess& child) {
    out_open = out_open && read_available(child.stdout_fd(), out);
    err_open = err_open && read_available(child.stderr_fd(), err);
  }
};

schema::Result<void> Conversation::start() {
  const std::unique_lock lock(mutex_);
  return child_ ? schema::Result<void>() : start_anew();
}

schema::Result<void> Conversation::start_anew() {
  auto child = ChildProcess::spawn(options_.command);
  if (!child) return std::unexpected(child.error());
  child_.emplace(std::move(*child));
  return {};
}

schema::Result<std::string> Conversation::ask(std::string_view question) {
  const std::unique_lock lock(mutex_, options_.limit);
  if (!lock) {
    return fail(ErrorCode::unavailable, fmt::format("{} is busy with other questions", options_.command.argv.front()));
  }
  if (child_ && child_->try_wait()) child_.reset();
  for (bool again = child_.has_value();; again = false) {
    if (!child_) {
      if (auto started = start_anew(); !started) return std::unexpected(started.error());
    }
    auto answer = answer_to(question);
    if (answer) return answer;
    const bool ended = child_->try_wait().has_value();
    child_.reset();
    // It has answered before: then its end need not have to do with this question.
    if (!again || !ended) return answer;
  }
}

schema::Result<std::string> Conversation::answer_to(std::string_view question) {
  const std::string& program = options_.command.argv.front();
  const auto deadline = SteadyClock::now() + options_.limit;
  std::string sending(question);
  sending += '\n';
  Heard heard;
  for (;;) {
    if (!sending.empty()) {
      const auto sent = ::write(child_->stdin_fd(), sending.data(), sending.size());
      if (sent > 0) sending.erase(0, static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN && errno != EINTR) sending.clear();  // it has ended: the wait below says how
    }
    const auto ended = child_->try_wait();
    heard.take(*child_);
    if (const auto end = heard.out.find('\n'); end != std::string::npos) {
      // What follows would be taken for the next answer.
      if (end + 1 != heard.out.size()) child_.reset();
      return heard.out.substr(0, end);
    }
    if (ended) {
      return fail(ErrorCode::unavailable, fmt::format("{} {}: {}", program, to_text(*ended), last_line_of(heard.err)));
    }
    if (heard.out.size() + heard.err.size() > options_.max_bytes) {
      return fail(ErrorCode::unavailable, fmt::format("{} wrote more than {} bytes", program, options_.max_bytes));
    }
    if (SteadyClock::now() > deadline) {
      const auto limit = std::chrono::duration<double>(options_.limit).count();
      return fail(ErrorCode::unavailable, fmt::format("{} took longer than {:g} s", program, limit));
    }
    std::array<pollfd, 4> fds = {{{child_->pidfd(), POLLIN, 0},
                                  {heard.out_open ? child_->stdout_fd() : -1, POLLIN, 0},
                                  {heard.err_open ? child_->stderr_fd() : -1, POLLIN, 0},
                                  {sending.empty() ? -1 : child_->stdin_fd(), POLLOUT, 0}}};
    ::poll(fds.data(), fds.size(), k_look_ms);
  }
}

}  // namespace moetune::daemon
