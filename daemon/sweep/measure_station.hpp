#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "daemon/supervisor/worker_process.hpp"
#include "kernels/worker_protocol.hpp"

namespace moetune::daemon {

struct MeasuredJob {
  kernels::MeasureReply reply;
  std::chrono::milliseconds elapsed{};
};
/// The worker has gone, and with it the jobs sent ahead. The next send() waits for a new one.
struct StationDown {
  WorkerEnded ended;
};
/// The problem cannot be measured here at all.
struct StationRefused {
  schema::Error error;
};
using StationEvent = std::variant<MeasuredJob, StationDown, StationRefused>;

/// One GPU, or one recording, with the measure worker that owns it: starts it, opens the problem in it, sends jobs a
/// few ahead, and starts it again when it has died. Does not judge. Driven by the Poller's thread.
class MeasureStation {
 public:
  struct Options {
    WorkerProcess::Options worker;
    JobLimits open_limits;
    JobLimits job_limits;
  };
  MeasureStation(Poller& poller, Options options, kernels::OpenProblem problem);

  /// Starts the worker and opens the problem; nothing when that is done or under way.
  void open();
  /// How many jobs may be sent now; 0 until the problem is open.
  std::size_t room() const;
  /// Errors: conflict without room.
  schema::Result<void> send(const kernels::MeasureJob& job);
  std::vector<StationEvent> take_events();
  /// Kills the worker; its jobs are dropped without an event.
  void close();

 private:
  enum class State { closed, starting, opening, open };
  void handle(WorkerEvent& event, std::vector<StationEvent>& events);
  void handle_reply(WorkerReply& reply, std::vector<StationEvent>& events);
  void handle_end(WorkerEnded& ended, std::vector<StationEvent>& events);

  Poller& poller_;
  Options options_;
  kernels::OpenProblem problem_;
  std::unique_ptr<WorkerProcess> worker_;
  State state_ = State::closed;
  int failed_openings_ = 0;
  std::optional<StationRefused> refused_;
};

}  // namespace moetune::daemon
