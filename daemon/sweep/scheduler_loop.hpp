#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "daemon/file_in_force.hpp"
#include "daemon/sweep/scheduler.hpp"
#include "daemon/sweep/sweep_run.hpp"
#include "db/synchronized.hpp"

namespace moetune::daemon {

/// What the scheduler's thread shares with the threads that ask.
struct SchedulerShared {
  std::atomic<bool> stopping = false;
  std::atomic<std::int64_t> running = 0;  ///< id of the sweep that runs, 0 for none
  std::atomic<double> eta_s = -1;         ///< of that sweep; below 0: not known
  std::atomic<double> measure_busy_seconds = 0;
  std::atomic<std::int64_t> compile_jobs = 0;
  std::atomic<std::int64_t> sweeps_finished = 0;
  /// The sweep that waits, and why: what cannot be stored, for example because the disk is full, is said from here.
  struct Trouble {
    std::int64_t sweep = 0;
    std::string reason;
  };
  db::Synchronized<Trouble> trouble;

  /// Puts the reason into the view of the sweep that waits.
  void tell_trouble(nlohmann::ordered_json& view);
};

/// The scheduler's thread: picks the next sweep, drives its run and its workers, and follows the states that others
/// write to the database. One instance, used by one thread.
class SchedulerLoop {
 public:
  SchedulerLoop(const Scheduler::Options& options, const Scheduler::Services& services, Poller& poller, EventHub& hub,
                SchedulerShared& shared, std::string boot_id);

  /// Runs until shared.stopping is set.
  void run();

 private:
  void turn();
  void pick_sweep();
  schema::Result<std::unique_ptr<SweepRun>> begin(const db::Sweep& sweep);
  schema::Result<std::optional<schema::Traffic>> newest_traffic();
  /// The imported sets that the sweep was created with.
  schema::Result<std::vector<schema::SeedingSet>> sets_of(std::int64_t sweep);
  /// Those that a sweep that has begun took then; else what is known now.
  schema::Result<search::Seeds> siblings_of(const db::Sweep& sweep, const schema::Group& group);
  /// Whether a scan would find out nothing: all its candidates have rows of the unchanged kernel that can be reused.
  bool is_measured_whole(const SweepPlan& scan);
  /// The second phase of a sweep, from the rows of its first.
  schema::Result<std::vector<db::ScannedRow>> scanned_rows(std::int64_t sweep);

  // scheduler_phases.cpp
  schema::Result<SweepPlan> resolved(SweepPlan plan, std::int64_t earlier);
  schema::Result<SweepPlan> measure_phase();
  schema::Result<std::optional<SweepPlan>> phase_between();
  schema::Result<std::optional<SweepPlan>> next_phase();
  void go_on();

  /// Pauses or fails a sweep that cannot run, or leaves it for another try.
  void refuse_to_run(std::int64_t id, const schema::Error& error);
  CompileCrew& crew_for(const std::string& kernel);
  void dismiss_crews();
  void follow_state();
  void conclude();
  void end_run(schema::SweepState state, const std::string& error);
  std::optional<FilesInForce> files_before();
  schema::Result<db::Sweep> store_end(schema::SweepState state, const std::string& error,
                                      const std::optional<FilesInForce>& before);
  void let_go();
  void publish_progress();
  void note_trouble(std::int64_t sweep, const std::string& reason);

  Scheduler::Options options_;
  Scheduler::Services services_;
  Machine machine_;  ///< plans here wait for no other thread's
  Poller& poller_;
  EventHub& hub_;
  SchedulerShared& shared_;
  std::string boot_id_;
  CompileCrew nvrtc_crew_;
  std::unique_ptr<CompileCrew> triton_crew_;  ///< its workers hold one kernel
  std::string triton_kernel_;
  std::unique_ptr<SweepRun> run_;
  bool draining_ = false;  ///< the sweep was paused: what is under way is finished, nothing new begins
  std::chrono::steady_clock::time_point next_progress_;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point next_phase_try_;
  std::string phase_trouble_;  ///< why the second phase cannot begin at the moment
};

}  // namespace moetune::daemon
