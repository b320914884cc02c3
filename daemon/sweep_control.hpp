#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "schema/error.hpp"
#include "schema/sweep_spec.hpp"

namespace moetune::daemon {

/// One server-sent event of a sweep. `name` is progress, trial or state; `data` one line of JSON.
struct SweepEvent {
  std::string name;
  std::string data;
};

/// A subscriber's end of a sweep's event stream. Bounded: a reader that falls behind loses progress and trial events,
/// never a state event. Thread-safe; destroying it unsubscribes.
class EventStream {
 public:
  virtual ~EventStream() = default;
  /// The next events, waiting at most `patience` for the first; empty on a timeout. Nothing after the sweep's final
  /// state event has been delivered or the daemon stops.
  virtual std::optional<std::vector<SweepEvent>> next(std::chrono::milliseconds patience) = 0;
};

struct SweepPage {
  std::vector<nlohmann::ordered_json> items;
  std::optional<std::int64_t> next;  ///< pass as `after` for the following page
};

/// What the HTTP layer may ask of the sweeps; implemented by the scheduler. Every call is thread-safe and returns
/// without waiting for a compiler or a GPU.
class SweepControl {
 public:
  virtual ~SweepControl() = default;
  /// Checks the spec against this machine, stores it as queued and returns its id.
  virtual schema::Result<std::int64_t> create(const schema::SweepSpec& spec) = 0;
  /// The object that GET /sweeps/{id} answers. Errors: not_found.
  virtual schema::Result<nlohmann::ordered_json> show(std::int64_t id) = 0;
  /// Sweeps by ascending id, without their "best" field.
  virtual schema::Result<SweepPage> list(std::optional<std::int64_t> after, std::int64_t limit) = 0;
  /// Each returns the sweep as show() does. Errors: not_found; conflict when the state does not allow it.
  virtual schema::Result<nlohmann::ordered_json> pause(std::int64_t id) = 0;
  virtual schema::Result<nlohmann::ordered_json> resume(std::int64_t id) = 0;
  virtual schema::Result<nlohmann::ordered_json> cancel(std::int64_t id) = 0;
  virtual schema::Result<nlohmann::ordered_json> discard(std::int64_t id) = 0;
  virtual schema::Result<std::unique_ptr<EventStream>> events(std::int64_t id) = 0;
  /// True while a sweep is queued or running; a daemon started by `tune` ends when it has been idle.
  virtual bool busy() const = 0;
  /// Counters of worker processes and jobs, for /metrics: name -> value (e.g. "compile_jobs_total").
  virtual std::vector<std::pair<std::string, double>> counters() const = 0;
};

}  // namespace moetune::daemon
