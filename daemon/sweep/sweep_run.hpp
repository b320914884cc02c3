#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "daemon/kernel_cache.hpp"
#include "daemon/search/anchor.hpp"
#include "daemon/search/eta.hpp"
#include "daemon/search/race.hpp"
#include "daemon/search/work_board.hpp"
#include "daemon/sweep/compile_crew.hpp"
#include "daemon/sweep/event_hub.hpp"
#include "daemon/sweep/measure_station.hpp"
#include "daemon/sweep/run_ledger.hpp"
#include "daemon/sweep/sweep_plan.hpp"
#include "db/earlier_outcomes.hpp"
#include "db/sweep_store.hpp"

namespace moetune::daemon {

/// What a running sweep works with; all of it outlives the run.
struct RunContext {
  db::Database& database;
  KernelCache& cache;
  Poller& poller;
  CompileCrew& crew;       ///< compiles the sweep's kernels
  CompileCrew& step_crew;  ///< compiles the rest of the step; may be the same
  EventHub& hub;
  MeasureStation::Options station;  ///< how to start a measure worker, and its limits
  std::filesystem::path scratch;    ///< where compile workers write
  std::string boot_id;              ///< names this run of the daemon in its attempts
};

/// One sweep while it runs: asks the board what to do next, gives jobs to compile workers and measure workers, and
/// turns what comes back into rows. Every job's attempt is committed before the job is sent, and every row is committed
/// before anybody hears of it. Used by the scheduler's thread only.
class SweepRun {
 public:
  /// Errors: those of the database. The sweep must be in state running. What a daemon died over is tried again alone.
  static schema::Result<std::unique_ptr<SweepRun>> begin(const RunContext& context, const db::Sweep& sweep,
                                                         SweepPlan plan);
  ~SweepRun();

  /// Goes on with the next phase of the sweep; the measure workers stay as they are. Precondition: done() and quiet().
  schema::Result<void> enter(SweepPlan plan);

  enum class Dispatch { yes, no };  ///< no: only take in what is still under way
  /// Takes in what the workers have done, commits it and hands out work.
  void step(Dispatch dispatch);

  std::int64_t id() const { return sweep_.id; }
  const db::Sweep& sweep() const { return sweep_; }
  const SweepPlan& plan() const { return plan_; }
  /// Every trial of the phase has its committed row.
  bool done() const { return board_.done() && ledger_.empty() && anchors_done(); }
  /// Nothing is under way and nothing waits to be committed.
  bool quiet() const {
    return compiling_.empty() && measuring_.empty() && anchoring_.empty() && !step_job_ && ledger_.empty();
  }
  /// Why the sweep cannot go on; it is to be marked failed.
  const std::optional<schema::Error>& failure() const { return failure_; }
  /// Why a person has to look; it is to be paused.
  const std::optional<std::string>& stuck() const { return stuck_; }
  /// Why nothing can be stored, or a GPU is held back, at the moment; empty when all is well.
  std::string trouble() const { return trouble_.empty() ? anchor_trouble() : trouble_; }
  std::optional<double> eta() const;
  /// Seconds of measuring, summed over the devices.
  double busy_seconds() const { return busy_seconds_; }
  std::size_t stations() const { return std::max<std::size_t>(stations_.size(), 1); }

  /// Kills what is under way and closes its attempts as interrupted.
  void abandon();

 private:
  struct Station {
    MeasureStation station;
    std::deque<std::int64_t> jobs;  ///< sent, in order
    bool context_lost = false;      ///< it said so and is about to end: its other jobs are not to blame
  };
  /// The kernels of the step around the two GEMMs; they depend on no tile.
  struct StepKernels {};
  using Begun = std::variant<StepKernels, search::KernelIndex, search::TrialIndex>;
  /// A candidate that is measured in rounds and has no row yet.
  struct RoundsSoFar {
    std::vector<std::vector<double>> samples_us;  ///< by round
    std::optional<schema::Trial> last;            ///< as the last round found it
  };
  struct KernelFailure {
    schema::TrialStatus status = schema::TrialStatus::compile_error;
    std::string log_tail;
  };
  struct MeanSeconds {
    double sum = 0;
    std::size_t count = 0;
  };
  const KernelSpec& spec_of(search::KernelIndex kernel) const { return plan_.kernels[kernel.value]; }

  SweepRun(const RunContext& context, const db::Sweep& sweep, SweepPlan plan, search::WorkBoard board);

  // sweep_run_begin.cpp: what earlier runs left
  static search::WorkBoard board_for(const RunContext& context, const SweepPlan& plan);
  schema::Result<void> take_up(bool first_time);
  schema::Result<void> store_defaults();
  schema::Result<void> skip_finished(db::Snapshot& snapshot);
  schema::Result<void> read_earlier_outcomes(db::Snapshot& snapshot);
  bool take_over_earlier(search::TrialIndex trial);
  void look_up(search::KernelIndex kernel);
  void suspect(const std::vector<db::Attempt>& attempts);

  // sweep_run_compile.cpp
  void take_compile_outcomes(CompileCrew& crew);
  void take_step_outcome(CompileOutcome& outcome);
  void accept_compiled(search::KernelIndex kernel, const kernels::CompileReply& reply, std::int64_t job);
  void judge_compile_death(search::KernelIndex kernel, const WorkerEnded& ended, const std::string& log);
  std::string compiler_log_of(std::int64_t job, const WorkerEnded& ended) const;
  void fail_kernel(search::KernelIndex kernel, schema::TrialStatus status, const std::string& log_tail);
  void finish_without_kernel(search::TrialIndex trial, const KernelFailure& failure);
  nlohmann::json request_of(const KernelSpec& kernel, std::int64_t job) const;
  void submit_step();
  void send(StepKernels step, std::int64_t job);
  void submit(search::KernelIndex kernel, bool alone);
  void send(search::KernelIndex kernel, std::int64_t job);
  std::string output_of(std::int64_t job) const;
  void remove_output(std::int64_t job) const;

  // sweep_run_measure.cpp
  kernels::OpenProblem problem_for(std::size_t station) const;
  void open_stations();
  void take_station_events(std::size_t index);
  void accept_measured(std::size_t index, MeasuredJob& measured);
  void judge_station_down(std::size_t index, const WorkerEnded& ended);
  void judge_measure_death(search::TrialIndex trial, schema::TrialStatus status, const std::string& explanation);
  void finish_trial(search::TrialIndex trial, schema::Trial row);
  void note_latency(std::int64_t batch, double us);
  schema::Trial row_for(search::TrialIndex trial, schema::TrialStatus status) const;
  void submit(search::TrialIndex trial, bool alone);
  void send(search::TrialIndex trial, std::int64_t job);

  // sweep_run_anchor.cpp: whether the GPUs are as they were
  struct AnchorJob {
    std::size_t station = 0;
    std::int64_t batch = 0;
  };
  double seconds() const;
  schema::Result<void> begin_anchors(db::Snapshot& snapshot);
  void note_anchor_row(const search::Candidate& candidate, schema::TrialStatus status);
  std::optional<kernels::MeasureJob> anchor_job(std::int64_t batch);
  void dispatch_anchors();
  bool is_held(std::size_t station) const;
  bool anchors_done() const;
  bool accept_anchor(std::size_t index, const kernels::MeasureReply& reply);
  void compare_with_first(std::size_t index) const;
  void lose_anchor(std::size_t index);
  std::string anchor_trouble() const;

  // sweep_run_owners.cpp: which GPU measures what
  schema::Result<void> take_up_owners(db::Snapshot& snapshot);
  void note_owner(search::TrialIndex trial);
  /// The GPU that measures it, once that is known; none with a recording.
  std::optional<std::string> gpu_of_batch(std::int64_t batch) const;
  std::optional<std::string> gpu_of(search::TrialIndex trial) const;

  // sweep_run_race.cpp
  schema::Result<void> begin_race(db::Snapshot& snapshot);
  void tell_race(const schema::Trial& row);
  void advance_race();
  void admit(search::TrialIndex trial);
  void find_kernels(search::TrialIndex trial);
  std::map<std::int64_t, std::size_t> trials_to_come() const;
  std::size_t kernels_to_come() const;

  // sweep_run_incumbents.cpp: what new candidates have to beat
  bool stays(search::TrialIndex trial) const;
  bool is_incumbent(search::TrialIndex trial) const;
  schema::Result<void> find_incumbents(db::Snapshot& snapshot);
  bool keep_back(search::TrialIndex trial);
  void settle_kept_back();

  // sweep_run_rounds.cpp
  bool has_rounds() const { return plan_.order != search::Order::plan; }
  schema::Result<void> take_up_rounds(db::Snapshot& snapshot);
  void open_rounds();
  void finish_round(search::TrialIndex trial, schema::Trial row);
  void finish_what_is_clear(std::int64_t batch);
  void finish_after_rounds(search::TrialIndex trial);
  std::map<std::int64_t, std::size_t> rounds_to_come() const;
  std::map<std::int64_t, std::size_t> heats_to_come() const;

  // sweep_run.cpp
  static std::int64_t next_job_id();
  void dispatch_work();
  void dispatch_suspect();
  void put_back(const Begun& begun);
  bool commit();
  void get_stuck(const std::string& reason) { stuck_ = reason; }

  RunContext context_;
  db::Sweep sweep_;
  SweepPlan plan_;
  search::WorkBoard board_;
  RunLedger ledger_;
  std::vector<Station> stations_;
  std::set<std::int64_t> owned_;                               ///< batches whose GPU is stored
  std::chrono::steady_clock::time_point began_;                ///< the phase, in this run
  std::vector<search::Anchor> anchors_;                        ///< by station; none with a recording
  std::set<std::int64_t> anchor_ready_;                        ///< batches whose default has an ok row in this phase
  std::map<std::int64_t, AnchorJob> anchoring_;                ///< by job id
  std::map<std::size_t, search::OpeningTimes> opening_times_;  ///< by station, of the phase
  bool compares_gpus_ = false;                                 ///< by the openings of this phase
  std::optional<search::Race> race_;
  bool raced_ = false;                                               ///< the race wants nothing more
  std::int64_t raced_total_ = 0;                                     ///< trials of the race, as told to the ledger
  std::map<db::TrialKey, schema::Trial> reusable_;                   ///< rows of other sweeps that may be taken over
  std::map<std::int64_t, std::set<schema::TileConfig>> incumbents_;  ///< by batch: chosen before, or in force
  std::set<search::TrialIndex> kept_back_;                           ///< with a row to take over, if nothing is new
  db::KnownFailures known_failures_;
  std::map<search::KernelIndex, std::string> kernels_;  ///< artifact files of those that are ready
  std::map<search::KernelIndex, KernelFailure> failed_kernels_;
  std::set<search::KernelIndex> looked_up_;    ///< in the kernel cache
  std::set<search::KernelIndex> own_kernels_;  ///< counted in an earlier run of the sweep
  std::set<std::string> seen_artifacts_;       ///< keys that were looked up in any phase
  bool counts_cached_ = true;                  ///< kernels found in the cache are new to the sweep's counters
  std::optional<std::string> step_artifact_;
  std::optional<std::int64_t> step_job_;
  int step_failures_ = 0;
  int step_interruptions_ = 0;
  std::map<std::int64_t, search::KernelIndex> compiling_;  ///< by job id
  std::map<std::int64_t, search::TrialIndex> measuring_;
  std::map<search::TrialIndex, RoundsSoFar> rounds_;
  std::map<std::int64_t, Begun> begun_;  ///< by job id: to be sent once their attempts are committed
  std::chrono::steady_clock::time_point retry_commit_at_;
  std::string trouble_;
  std::map<std::int64_t, double> best_us_;             ///< by batch
  std::map<std::int64_t, MeanSeconds> trial_seconds_;  ///< by batch
  std::optional<double> seconds_per_compile_;
  double busy_seconds_ = 0;
  std::optional<schema::Error> failure_;
  std::optional<std::string> stuck_;
};

}  // namespace moetune::daemon
