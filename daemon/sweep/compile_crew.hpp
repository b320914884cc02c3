#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "daemon/supervisor/worker_process.hpp"
#include "kernels/worker_protocol.hpp"

namespace moetune::daemon {

/// What became of a compile job.
struct CompileOutcome {
  std::int64_t job = 0;
  std::variant<kernels::CompileReply, WorkerEnded> result;
};

/// The compile workers, one process per slot, started when there is work and replaced when they die or have grown. Does
/// not judge: a dead worker is an outcome like a reply. Driven by the Poller's thread.
class CompileCrew {
 public:
  struct Options {
    WorkerProcess::Options worker;
    std::size_t slots = 1;
    JobLimits limits;
    std::int64_t recycle_bytes = 1LL << 30;  ///< a worker that holds more after a job is replaced
  };
  CompileCrew(Poller& poller, Options options);

  std::size_t slots() const { return slots_.size(); }
  std::size_t free_slots() const;
  /// Gives the job, a request with an "id", to a free slot; false when there is none.
  [[nodiscard]] bool submit(nlohmann::json job);
  /// What has happened since the last call.
  std::vector<CompileOutcome> take_outcomes();
  /// Set when workers cannot be started: the reason, with the end of their log.
  const std::optional<schema::Error>& broken() const { return broken_; }
  /// Kills every worker and drops their jobs.
  void dismiss();
  std::int64_t jobs_begun() const { return jobs_begun_; }

 private:
  struct Slot {
    std::unique_ptr<WorkerProcess> worker;
    std::optional<nlohmann::json> waiting;  ///< given to the slot, not yet sent
    bool busy = false;
    int failed_starts = 0;
  };
  void start(Slot& slot);
  void send(Slot& slot);
  void handle(Slot& slot, WorkerEvent& event, std::vector<CompileOutcome>& outcomes);

  Poller& poller_;
  Options options_;
  std::vector<Slot> slots_;
  std::optional<schema::Error> broken_;
  std::int64_t jobs_begun_ = 0;
};

}  // namespace moetune::daemon
