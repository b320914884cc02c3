#include "daemon/supervisor/worker_process.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "kernels/log_tail.hpp"
#include "schema/strict_json.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;
using std::chrono::milliseconds;

constexpr auto k_memory_interval = milliseconds(100);

std::string seconds_text(milliseconds time) {
  return fmt::format("{:g} s", static_cast<double>(time.count()) / 1000);
}

/// Text from a worker that has gone wrong, for one line of a message.
std::string excerpt(std::string_view line) {
  return kernels::log_tail(line.substr(0, 80));
}

}  // namespace

std::string_view name_of(KillReason reason) {
  switch (reason) {
    case KillReason::timeout:
      return "timeout";
    case KillReason::memory:
      return "memory";
    case KillReason::garbage:
      return "garbage";
    case KillReason::silence:
      return "silence";
    case KillReason::stop:
      return "stop";
  }
  return "unknown";
}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(Poller& poller, Options options) {
  // Writing to a worker that has ended must be an error of the call, not the daemon's end.
  std::signal(SIGPIPE, SIG_IGN);
  auto child = ChildProcess::spawn(options.command);
  if (!child) return std::unexpected(child.error());
  return std::unique_ptr<WorkerProcess>(new WorkerProcess(poller, std::move(options), std::move(*child)));
}

WorkerProcess::WorkerProcess(Poller& poller, Options options, ChildProcess child)
    : poller_(poller),
      options_(std::move(options)),
      child_(std::move(child)),
      stdout_lines_(options_.max_line_bytes, LineBuffer::Overlong::stop),
      stderr_lines_(options_.max_line_bytes, LineBuffer::Overlong::split),
      started_(std::chrono::steady_clock::now()) {
  poller_.add(*this);
}

WorkerProcess::~WorkerProcess() {
  poller_.remove(*this);
}

std::size_t WorkerProcess::room() const {
  const bool ready = state_ == State::idle || state_ == State::busy;
  return ready ? options_.max_jobs - jobs_.size() : 0;
}

Result<void> WorkerProcess::send(const json& request, const JobLimits& limits) {
  if (room() == 0) {
    return fail(ErrorCode::conflict,
                fmt::format("a worker takes {} jobs at a time, once it is ready", options_.max_jobs));
  }
  const auto now = std::chrono::steady_clock::now();
  unsent_ += request.dump() + "\n";
  jobs_.push_back({.id = request.at("id").get<std::int64_t>(),
                   .limits = limits,
                   .end = written_bytes_ + unsent_.size(),
                   .sent = now,
                   .next_memory_check = now});
  state_ = State::busy;
  write_stdin();
  return {};
}

void WorkerProcess::stop() {
  if (state_ == State::dead || state_ == State::stopping) return;
  state_ = State::stopping;
  killed_ = killed_.value_or(KillReason::stop);
  if (explanation_.empty()) explanation_ = "was stopped";
  child_.close_stdin();
  unsent_.clear();
  next_signal_ = std::chrono::steady_clock::now() + options_.grace;
}

void WorkerProcess::kill() {
  kill_for(KillReason::stop, "was stopped");
}

std::vector<WorkerEvent> WorkerProcess::take_events() {
  return std::exchange(events_, {});
}

void WorkerProcess::append_poll_fds(std::vector<pollfd>& fds) const {
  if (state_ == State::dead) return;
  fds.push_back({.fd = child_.pidfd(), .events = POLLIN, .revents = 0});
  if (child_.stdout_fd() >= 0) fds.push_back({.fd = child_.stdout_fd(), .events = POLLIN, .revents = 0});
  if (child_.stderr_fd() >= 0) fds.push_back({.fd = child_.stderr_fd(), .events = POLLIN, .revents = 0});
  if (!unsent_.empty()) fds.push_back({.fd = child_.stdin_fd(), .events = POLLOUT, .revents = 0});
}

std::optional<SteadyTime> WorkerProcess::next_deadline() const {
  if (state_ == State::stopping) return next_signal_;
  if (state_ == State::dead) return std::nullopt;
  if (output_closed_) return *output_closed_ + options_.grace;
  if (state_ == State::starting) return started_ + options_.start_limit;
  if (state_ == State::idle) return std::nullopt;
  const Job& job = jobs_.front();
  return std::min(job.sent + job.limits.time, job.next_memory_check);
}

void WorkerProcess::advance(SteadyTime now) {
  if (state_ == State::dead) return;
  // Asked first, read afterwards: once the process has ended, the pipes hold everything that it ever wrote.
  const auto ended = child_.try_wait();
  write_stdin();
  read_stdout();
  read_stderr();
  if (ended) {
    finish(*ended);
    return;
  }
  check_limits(now);
  escalate(now);
}

void WorkerProcess::write_stdin() {
  while (!unsent_.empty()) {
    const auto written = ::write(child_.stdin_fd(), unsent_.data(), unsent_.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) return;
    if (written < 0) {
      // It reads no more: it has ended, or will run into its time limit.
      unsent_.clear();
      return;
    }
    unsent_.erase(0, static_cast<std::size_t>(written));
    written_bytes_ += static_cast<std::size_t>(written);
  }
}

void WorkerProcess::read_stdout() {
  if (child_.stdout_fd() < 0) return;
  std::vector<std::string> lines;
  const auto state = stdout_lines_.read(child_.stdout_fd(), lines);
  for (const auto& line : lines) accept_line(line);
  if (state == LineBuffer::State::open) return;
  child_.close_stdout();
  output_closed_ = std::chrono::steady_clock::now();
  if (state == LineBuffer::State::overlong) {
    kill_for(KillReason::garbage, fmt::format("wrote a line of more than {} bytes", options_.max_line_bytes));
  }
}

void WorkerProcess::read_stderr() {
  if (child_.stderr_fd() < 0) return;
  std::vector<std::string> lines;
  const auto state = stderr_lines_.read(child_.stderr_fd(), lines);
  for (const auto& line : lines) {
    log_tail_ += line;
    log_tail_ += '\n';
    if (options_.log) options_.log(line);
  }
  if (log_tail_.size() > 2 * options_.log_tail_bytes) log_tail_.erase(0, log_tail_.size() - options_.log_tail_bytes);
  if (state != LineBuffer::State::open) child_.close_stderr();
}

void WorkerProcess::accept_line(const std::string& line) {
  if (killed_) return;
  auto body = schema::parse_json(line, "worker's line");
  if (!body) {
    kill_for(KillReason::garbage, fmt::format("wrote something that is not JSON: {}", excerpt(line)));
  } else if (state_ == State::starting) {
    accept_hello(*body);
  } else {
    accept_reply(std::move(*body));
  }
}

void WorkerProcess::accept_hello(const json& body) {
  const auto hello = kernels::hello_from_json(body);
  if (!hello) {
    kill_for(KillReason::garbage, hello.error().message);
  } else if (hello->worker != options_.kind || hello->version != MOETUNE_VERSION) {
    kill_for(KillReason::garbage, fmt::format("is a {} worker of moetune {}, wanted is a {} worker of {}",
                                              hello->worker, hello->version, options_.kind, MOETUNE_VERSION));
  } else {
    state_ = State::idle;
    events_.emplace_back(WorkerReady{*hello});
  }
}

void WorkerProcess::accept_reply(json body) {
  const auto id = body.is_object() ? body.find("id") : body.end();
  const bool fits = state_ == State::busy && id != body.end() && id->is_number_integer() && *id == jobs_.front().id;
  if (!fits) {
    kill_for(KillReason::garbage, fmt::format("answered what it was not asked: {}", excerpt(body.dump())));
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  const auto elapsed = now - jobs_.front().sent;
  events_.emplace_back(WorkerReply{.body = std::move(body),
                                   .elapsed = std::chrono::duration_cast<milliseconds>(elapsed),
                                   .resident_bytes = child_.resident_bytes()});
  ++jobs_answered_;
  jobs_.pop_front();
  if (jobs_.empty()) {
    state_ = State::idle;
  } else {
    jobs_.front().sent = now;
  }
}

void WorkerProcess::check_limits(SteadyTime now) {
  // A process that ends closes its files a moment before it is seen to have ended.
  if (output_closed_ && now >= *output_closed_ + options_.grace) kill_for(KillReason::garbage, "closed its output");
  if (state_ == State::starting && now >= started_ + options_.start_limit) {
    kill_for(KillReason::silence, fmt::format("did not start within {}", seconds_text(options_.start_limit)));
  }
  if (state_ != State::busy) return;
  Job& job = jobs_.front();
  if (now >= job.sent + job.limits.time) {
    kill_for(KillReason::timeout, fmt::format("took longer than {}", seconds_text(job.limits.time)));
  } else if (now >= job.next_memory_check) {
    job.next_memory_check = now + k_memory_interval;
    const auto resident = child_.resident_bytes();
    if (resident > job.limits.resident_bytes) {
      kill_for(KillReason::memory, fmt::format("took {} MiB of memory, {} MiB are allowed", resident >> 20,
                                               job.limits.resident_bytes >> 20));
    }
  }
}

void WorkerProcess::escalate(SteadyTime now) {
  if (state_ != State::stopping || !next_signal_ || now < *next_signal_) return;
  const bool first = signals_sent_++ == 0;
  child_.signal_group(first ? SIGTERM : SIGKILL);
  next_signal_ = first ? std::optional(now + options_.grace) : std::nullopt;
}

void WorkerProcess::kill_for(KillReason reason, std::string explanation) {
  if (state_ == State::dead) return;
  if (!killed_) {
    killed_ = reason;
    explanation_ = std::move(explanation);
  }
  child_.signal_group(SIGKILL);
  state_ = State::stopping;
  next_signal_.reset();
}

void WorkerProcess::finish(const ExitStatus& status) {
  WorkerEnded ended{.status = status,
                    .killed = killed_,
                    .during_job = !jobs_.empty(),
                    .job = 0,
                    .delivered = false,
                    .explanation = explanation_,
                    .log_tail = {}};
  if (ended.during_job) {
    ended.job = jobs_.front().id;
    ended.delivered = written_bytes_ >= jobs_.front().end;
  }
  if (!killed_) {
    ended.explanation = fmt::format("ended with {}", to_text(status));
    if (!stdout_lines_.rest().empty()) ended.explanation += " in the middle of a line";
  }
  ended.log_tail = kernels::log_tail(log_tail_ + stderr_lines_.rest(), options_.log_tail_bytes);
  child_.close_stdin();
  child_.close_stdout();
  child_.close_stderr();
  jobs_.clear();
  unsent_.clear();
  state_ = State::dead;
  events_.emplace_back(std::move(ended));
}

}  // namespace moetune::daemon
