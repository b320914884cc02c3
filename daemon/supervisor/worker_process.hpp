#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/supervisor/child_process.hpp"
#include "daemon/supervisor/line_buffer.hpp"
#include "daemon/supervisor/poller.hpp"
#include "kernels/worker_protocol.hpp"
#include "schema/error.hpp"

namespace moetune::daemon {

/// What one job may take; a worker that takes more is killed.
struct JobLimits {
  std::chrono::milliseconds time = std::chrono::seconds(60);
  std::int64_t resident_bytes = 4LL << 30;
};

/// Why the supervisor itself ended a worker.
enum class KillReason {
  timeout,  ///< the job's time limit
  memory,   ///< the job's memory limit
  garbage,  ///< a line that is no answer to what was asked, an overlong line, a closed output
  silence,  ///< no Hello in time
  stop,     ///< stop() or kill() was called
};
std::string_view name_of(KillReason reason);

/// The worker's Hello has come: it is idle.
struct WorkerReady {
  kernels::Hello hello;
};
/// The reply to the job that was sent; its "id" is the job's. The worker is idle again.
struct WorkerReply {
  nlohmann::json body;
  std::chrono::milliseconds elapsed{};  ///< since the job was sent
  std::int64_t resident_bytes = 0;      ///< of the worker after the job: recycle it when that grows
};
/// The last event of every worker.
struct WorkerEnded {
  ExitStatus status;
  std::optional<KillReason>
      killed;               ///< set when the supervisor ended it; empty: it ended by itself or by somebody else
  bool during_job = false;  ///< a job was being worked on; those sent behind it were not begun
  std::int64_t job = 0;     ///< the id of that job
  bool delivered = false;   ///< false: it was gone before it could read that job, which has nothing to do with its end
  std::string explanation;  ///< one line: "took longer than 60 s", "ended with signal 11 (SIGSEGV)", ...
  std::string log_tail;     ///< the end of its stderr
};
using WorkerEvent = std::variant<WorkerReady, WorkerReply, WorkerEnded>;

/// One worker process that speaks kernels/worker_protocol.hpp: sends it one job at a time, or a few ahead so that it
/// never waits for the next, watches its time, memory and output, and reports what became of it. A crash, a hang, a
/// blow-up or garbage ends this worker and nothing else; what that means for the job is the caller's decision.
/// Everything happens on the thread that drives the Poller; nothing blocks. Destroying it kills the process group.
class WorkerProcess : public Pollable {
 public:
  struct Options {
    Command command;
    std::string kind;  ///< the Hello must say this: "compile", "measure"
    std::chrono::milliseconds start_limit = std::chrono::seconds(60);  ///< until Hello
    std::chrono::milliseconds grace = std::chrono::seconds(2);         ///< between EOF, SIGTERM and SIGKILL
    std::size_t max_jobs = 1;  ///< sent and not answered; a worker answers in the order of sending
    std::size_t max_line_bytes = 1 << 20;
    std::size_t log_tail_bytes = 16 << 10;
    std::function<void(std::string_view)> log;  ///< called with every line of the worker's stderr; may be empty
  };
  enum class State { starting, idle, busy, stopping, dead };

  /// Starts the process and adds it to `poller`, which must outlive it. Errors: io.
  static schema::Result<std::unique_ptr<WorkerProcess>> start(Poller& poller, Options options);
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  ~WorkerProcess() override;

  State state() const { return state_; }
  pid_t pid() const { return child_.pid(); }
  std::int64_t jobs_answered() const { return jobs_answered_; }

  /// How many jobs may be sent now.
  std::size_t room() const;
  /// Sends one request; it must have an integer "id". Its time counts from the answer to the one before it. What cannot
  /// be written at once (a line longer than the pipe) follows as the worker reads. Errors: conflict when there is no
  /// room.
  schema::Result<void> send(const nlohmann::json& request, const JobLimits& limits);
  /// End of file, then SIGTERM, then SIGKILL, `grace` apart. The end comes as an event.
  void stop();
  /// SIGKILL to the group now.
  void kill();

  /// What has happened since the last call, in order.
  std::vector<WorkerEvent> take_events();

  void append_poll_fds(std::vector<pollfd>& fds) const override;
  std::optional<SteadyTime> next_deadline() const override;
  void advance(SteadyTime now) override;

 private:
  struct Job {
    std::int64_t id = 0;
    JobLimits limits;
    std::size_t end = 0;  ///< the value of written_bytes_ once all of the request has been written
    SteadyTime sent;
    SteadyTime next_memory_check;
  };
  WorkerProcess(Poller& poller, Options options, ChildProcess child);

  void read_stdout();
  void read_stderr();
  void write_stdin();
  void accept_line(const std::string& line);
  void accept_hello(const nlohmann::json& body);
  void accept_reply(nlohmann::json body);
  void check_limits(SteadyTime now);
  void escalate(SteadyTime now);
  void kill_for(KillReason reason, std::string explanation);
  void finish(const ExitStatus& status);

  Poller& poller_;
  Options options_;
  ChildProcess child_;
  State state_ = State::starting;
  LineBuffer stdout_lines_;
  LineBuffer stderr_lines_;
  std::string log_tail_;
  std::string unsent_;
  std::size_t written_bytes_ = 0;
  std::deque<Job> jobs_;  ///< the first is being worked on
  std::optional<KillReason> killed_;
  std::string explanation_;
  SteadyTime started_;
  std::optional<SteadyTime> output_closed_;
  std::optional<SteadyTime> next_signal_;
  int signals_sent_ = 0;
  std::int64_t jobs_answered_ = 0;
  std::vector<WorkerEvent> events_;
};

}  // namespace moetune::daemon
