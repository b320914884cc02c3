#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "tests/e2e/running_daemon.hpp"

namespace moetune::storm {

/// Remembers every trial row of a sweep that any daemon has told anybody of: what was told once must be there for ever.
/// Thread-safe.
class SweepWitness {
 public:
  /// Takes a row (JSON of a trial) in. A second, different one for the same candidate is a contradiction.
  void saw(const std::string& row);
  /// Reads all rows of the sweep; false when the daemon did not answer to the end.
  bool look(const e2e::RunningDaemon& daemon, std::int64_t sweep);

  std::size_t rows() const;
  /// Pairs of rows that contradict each other, for a person to read; empty when there are none.
  std::string contradictions() const;
  /// Rows seen that `stored`, rows as of `look`, lacks.
  std::size_t missing_from(const SweepWitness& stored) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> row_of_;  ///< by candidate
  std::string contradictions_;
};

/// Follows the server-sent events of a sweep in a thread of its own until the daemon dies or the object does.
class EventListener {
 public:
  EventListener(const e2e::RunningDaemon& daemon, std::int64_t sweep, SweepWitness& witness);
  EventListener(const EventListener&) = delete;
  EventListener& operator=(const EventListener&) = delete;
  ~EventListener();

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace moetune::storm
