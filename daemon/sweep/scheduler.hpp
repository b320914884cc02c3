#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "daemon/sweep/compile_crew.hpp"
#include "daemon/sweep/machine.hpp"
#include "daemon/sweep/measure_station.hpp"
#include "daemon/sweep_control.hpp"

namespace moetune::db {
class Database;
struct Sweep;
}  // namespace moetune::db

namespace moetune::daemon {

class KernelCache;
class UploadStore;

/// Runs the sweeps of the database one after the other on a thread of its own, which owns every worker process. What a
/// client asks for is written to the database by the client's thread; the scheduler's thread follows the states it
/// finds there, so that a daemon that is killed at any moment goes on from what is stored. Thread-safe.
class Scheduler : public SweepControl {
 public:
  struct Options {
    CompileCrew::Options compile;
    std::int64_t triton_memory_limit_mib = 16384;  ///< address space of one of Triton's workers
    MeasureStation::Options measure;
    std::filesystem::path scratch;  ///< exists, writable, this daemon's own
  };
  struct Services {
    db::Database& database;
    KernelCache& cache;
    const UploadStore& uploads;
    const Machine& machine;
  };

  /// Takes up what an earlier daemon left and starts the thread. Errors: those of the database.
  static schema::Result<std::unique_ptr<Scheduler>> start(Options options, const Services& services);
  /// Stops as stop() does.
  ~Scheduler() override;
  /// Ends every worker, files what was under way as interrupted and joins the thread; the sweeps go on at the next
  /// start.
  void stop();

  schema::Result<std::int64_t> create(const schema::SweepSpec& given) override;
  schema::Result<nlohmann::ordered_json> show(std::int64_t id) override;
  schema::Result<SweepPage> list(std::optional<std::int64_t> after, std::int64_t limit) override;
  schema::Result<nlohmann::ordered_json> pause(std::int64_t id) override;
  schema::Result<nlohmann::ordered_json> resume(std::int64_t id) override;
  schema::Result<nlohmann::ordered_json> cancel(std::int64_t id) override;
  schema::Result<nlohmann::ordered_json> discard(std::int64_t id) override;
  schema::Result<std::unique_ptr<EventStream>> events(std::int64_t id) override;
  bool busy() const override;
  std::vector<std::pair<std::string, double>> counters() const override;

 private:
  struct State;
  class Loop;
  explicit Scheduler(std::unique_ptr<State> state);
  schema::Result<nlohmann::ordered_json> change_state(std::int64_t id, schema::SweepState state);
  /// Tells the subscribers and wakes the thread.
  void announce(const db::Sweep& sweep);
  std::unique_ptr<State> state_;
};

}  // namespace moetune::daemon
