#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/sweep_control.hpp"

namespace moetune::daemon::http {

/// Sweeps without a machine: they are in the state that they were put in, and events come from the test. Thread-safe.
class FakeSweeps : public SweepControl {
 public:
  schema::Result<std::int64_t> create(const schema::SweepSpec& spec) override;
  schema::Result<nlohmann::ordered_json> show(std::int64_t id) override;
  schema::Result<SweepPage> list(std::optional<std::int64_t> after, std::int64_t limit) override;
  schema::Result<nlohmann::ordered_json> pause(std::int64_t id) override;
  schema::Result<nlohmann::ordered_json> resume(std::int64_t id) override;
  schema::Result<nlohmann::ordered_json> cancel(std::int64_t id) override;
  schema::Result<nlohmann::ordered_json> discard(std::int64_t id) override;
  schema::Result<std::unique_ptr<EventStream>> events(std::int64_t id) override;
  bool busy() const override { return true; }
  std::vector<std::pair<std::string, double>> counters() const override {
    return {{"compile_jobs_total", 17}, {"measure_workers", 1}};
  }

  /// Waits until `count` streams of the sweep are open.
  void await_streams(std::int64_t id, std::size_t count);
  void publish(std::int64_t id, const SweepEvent& event);
  /// The sweep's streams end when they have delivered what was published.
  void finish(std::int64_t id);
  /// The next create() throws, as a defect would.
  void break_next_create() { broken_ = true; }

 private:
  struct Queue;
  class Stream;
  schema::Result<nlohmann::ordered_json> change(std::int64_t id, schema::SweepState to);

  struct Sweep {
    schema::SweepSpec spec;
    schema::SweepState state = schema::SweepState::queued;
    bool discarded = false;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::int64_t, Sweep> sweeps_;
  std::map<std::int64_t, std::vector<std::weak_ptr<Queue>>> queues_;
  bool broken_ = false;
};

}  // namespace moetune::daemon::http
