#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "daemon/search/batch_owners.hpp"
#include "daemon/search/batch_ranks.hpp"
#include "daemon/search/plan.hpp"

namespace moetune::daemon::search {

/// Index into WorkBoard::trials().
struct TrialIndex {
  std::size_t value = 0;
  auto operator<=>(const TrialIndex&) const = default;
};
using WorkItem = std::variant<KernelIndex, TrialIndex>;

/// What a failure without an answer means for the candidate.
enum class Verdict {
  retry,        ///< tried again in its turn
  retry_alone,  ///< tried again with nothing else in flight
  failed,       ///< it failed alone, twice: it gets its failed row
  stuck,        ///< something outside keeps killing it: a person has to look
};

/// How trials follow each other.
enum class Order {
  plan,    ///< each once, as it stands in the plan
  rounds,  ///< the trials of a batch take turns, one round each, until all of them are finished
  heats,   ///< a first round of each as in plan, then the unfinished ones of a batch take turns as in rounds
};

/// Which trials are to be measured.
enum class Admission {
  all,
  on_request,  ///< only those that were given to WorkBoard::admit; the others are as if they were not there
};

/// Which work of a sweep waits for what, and who is to blame when a worker dies: the policy of the scheduler without
/// its processes. A trial waits for the kernels that it needs; kernels are compiled in their order and trials measured
/// in the order of the plan as their kernels come. A candidate whose worker died is a suspect: suspects are tried one
/// at a time, with nothing else in flight, after all other work, and only one that fails alone, twice, is failed. In
/// Order::rounds a batch begins when all its kernels are there, a trial has its next round when every other unfinished
/// one of its batch has had as many, a worker measures one batch at a time, and every second round runs in the opposite
/// order, so that neither comes first (ABBA). In Order::heats kernels are waited for by their own trials alone, all
/// batches go on at the same time, round by round, and second rounds wait for open_rounds(). Not thread-safe.
class WorkBoard {
 public:
  /// All trials wait; `workers` measure workers share the batches out as they go (BatchOwners), and at most half of the
  /// `compile_slots` are given to slow kernels while there are others. Precondition: `needs` is of these trials, or has
  /// none at all (a recording).
  WorkBoard(std::vector<Candidate> plan, std::size_t workers, KernelNeeds needs, std::size_t compile_slots = 1,
            Order order = Order::plan, Admission admission = Admission::all);

  const std::vector<Candidate>& trials() const { return trials_; }
  std::size_t kernels() const { return kernels_.size(); }
  /// The kernels that a trial needs.
  const std::vector<KernelIndex>& kernels_of(TrialIndex trial) const { return needs_.of_trial[trial.value]; }
  std::optional<TrialIndex> find_trial(const Candidate& candidate) const;
  /// The measure worker that a trial belongs to; nobody's until its batch begins.
  std::optional<std::size_t> worker_of(TrialIndex trial) const { return worker_of_batch(trials_[trial.value].batch); }
  std::optional<std::size_t> worker_of_batch(std::int64_t batch) const { return owners_.owner_of(batch); }
  /// All batches, ascending: a worker may have to measure any of them.
  std::vector<std::int64_t> batches() const;
  /// True while trials have no row that are this worker's, or nobody's yet.
  bool has_work_for(std::size_t worker) const;
  /// An earlier run has measured the batch on this worker's GPU. Before anything of it is in flight.
  void belongs_to(std::int64_t batch, std::size_t worker);
  /// For a fair share: what a trial of the batch took, and how many more trials than wait are likely to come.
  void took(std::int64_t batch, double seconds) { owners_.took(batch, seconds); }
  void expect(const std::map<std::int64_t, std::size_t>& more) { owners_.expect(more); }

  /// Which batches come first, beyond the order of the plan: of those that a worker may begin, and in Order::heats
  /// whose rounds. Where trials are admitted on request, what is asked for comes as it stands in the plan: only later
  /// rounds go by the ranks. Before anything is in flight.
  void prefer(const BatchRanks& ranks);

  /// From now on the trial is to be measured. When one of its kernels has failed it waits for finish().
  void admit(TrialIndex trial);
  /// Nothing more will be admitted: what has had its first round may have others (Order::heats).
  void open_rounds();
  /// Trials that are, or were, to be measured.
  std::size_t admitted() const { return admitted_count_; }

  bool is_admitted(TrialIndex trial) const { return admitted_[trial.value]; }
  bool is_finished(TrialIndex trial) const { return finished_[trial.value]; }
  bool is_in_flight(TrialIndex trial) const { return flying_[trial.value]; }
  /// Rounds that a trial has had.
  std::size_t rounds_of(TrialIndex trial) const { return rounds_[trial.value]; }
  /// The trials of a batch that have no row yet, in their order.
  std::vector<TrialIndex> unfinished_of_batch(std::int64_t batch) const;
  /// True while trials wait for the kernel.
  bool is_wanted(KernelIndex kernel) const;
  /// Trials without a row yet, by batch.
  std::map<std::int64_t, std::size_t> unfinished_by_batch() const;

  /// The trial has its row (from now on, or from before).
  void finish(TrialIndex trial);
  /// The trial, in flight, has had a round, and waits for its next one; it is no suspect any more.
  void had_round(TrialIndex trial);
  /// The trial has had as many rounds before.
  void resume_after(TrialIndex trial, std::size_t rounds);
  /// The kernel is there.
  void ready(KernelIndex kernel);
  /// There will be no such kernel: its unfinished trials, which the caller gives their rows; they are finished. Trials
  /// that are admitted later are the caller's to finish.
  std::vector<TrialIndex> fail(KernelIndex kernel);
  /// The kernel has gone: its unfinished trials wait for it to be compiled again.
  void lost(KernelIndex kernel);
  /// An attempt at it was open when the daemon died.
  void suspect(WorkItem item);

  /// The next kernel to compile, now in flight.
  std::optional<KernelIndex> next_compile();
  /// The next trial for a worker, now in flight.
  std::optional<TrialIndex> next_trial(std::size_t worker);
  /// A suspect to be tried alone, now in flight; only when nothing is in flight and nothing else can be started.
  std::optional<WorkItem> next_suspect();
  bool trying_alone() const { return alone_.has_value(); }

  /// Not begun, or interrupted by what blames nobody: back to where it was.
  void put_back(WorkItem item);
  /// Killed from outside. Returns retry, or stuck after k_max_interruptions.
  Verdict interrupted(WorkItem item);
  /// Its worker died of it, or so it looks. Returns retry_alone or failed; a failed item is the caller's to finish.
  Verdict died(WorkItem item);

  bool done() const { return unfinished_ == 0; }
  std::size_t in_flight() const { return in_flight_; }
  std::size_t kernels_to_compile() const;

  static constexpr int k_failures_alone = 2;
  static constexpr int k_max_interruptions = 10;

 private:
  enum class KernelState { waiting, compiling, ready, failed };
  struct Kernel {
    KernelState state = KernelState::waiting;
    bool slow = false;
    std::size_t unfinished = 0;
    std::vector<TrialIndex> trials;
  };
  struct Suspicion {
    bool is_suspect = false;
    int failures_alone = 0;
    int interruptions = 0;
  };

  /// A trial that waits to be measured, with its place in the queue: what comes first is measured first.
  struct Turn {
    std::size_t rank = 0;    ///< of its batch, in heats; else 0 like the rest
    std::size_t rounds = 0;  ///< that it has had
    std::int64_t batch = 0;  ///< of later rounds
    std::int64_t place = 0;
    TrialIndex trial;
    auto operator<=>(const Turn&) const = default;
  };
  using Queue = std::set<Turn>;

  Suspicion& suspicion_of(WorkItem item);
  void enqueue(TrialIndex trial);
  /// Of a batch in rounds: those whose turn it is.
  void enqueue_round(std::int64_t batch);
  bool may_wait_in_queue(TrialIndex trial) const;
  /// Where a trial waits that can be measured: with its worker, or with its batch that is nobody's yet.
  Queue& queue_of(TrialIndex trial);
  /// In heats by ranks first; of equal ones first rounds in the order of the plan, then round by round, each batch's
  /// turns one after the other.
  Turn turn_of(TrialIndex trial) const;
  void wait(TrialIndex trial) { queue_of(trial).insert(turn_of(trial)); }
  void wait_no_more(TrialIndex trial) { queue_of(trial).erase(turn_of(trial)); }
  /// Gives a worker that runs dry the next batch.
  void begin_batch(std::size_t worker);
  std::map<std::int64_t, BatchOwners::Work> work_by_batch() const;
  bool is_ahead(TrialIndex trial) const;  ///< of another one of its batch, in rounds
  std::optional<TrialIndex> first_in_turn(std::size_t worker) const;
  void leave_flight(WorkItem item);
  bool needed(WorkItem item) const;
  std::set<KernelIndex>& waiting_with(KernelIndex kernel) {
    return kernels_[kernel.value].slow ? slow_to_compile_ : to_compile_;
  }

  std::vector<Candidate> trials_;
  std::map<Candidate, TrialIndex> index_of_;
  KernelNeeds needs_;
  std::vector<std::size_t> missing_;  ///< per trial, kernels that are not ready
  BatchOwners owners_;
  std::vector<bool> admitted_;
  std::size_t admitted_count_ = 0;
  std::vector<bool> finished_;
  std::vector<bool> flying_;  ///< trials in flight
  Order order_;
  bool on_request_;
  BatchRanks ranks_;
  bool rounds_open_ = false;
  std::vector<std::size_t> rounds_;
  std::map<std::int64_t, std::vector<TrialIndex>> trials_of_batch_;
  std::vector<Kernel> kernels_;
  std::vector<Suspicion> kernel_suspicion_;
  std::vector<Suspicion> trial_suspicion_;
  std::size_t slow_slots_;
  std::set<KernelIndex> to_compile_;
  std::set<KernelIndex> slow_to_compile_;
  std::vector<Queue> to_measure_;           ///< per worker
  std::map<std::int64_t, Queue> to_begin_;  ///< of batches that are nobody's yet
  std::deque<WorkItem> suspects_;
  std::optional<WorkItem> alone_;
  std::map<std::int64_t, std::size_t> unfinished_of_;  ///< per batch
  std::vector<std::size_t> flying_of_;                 ///< per worker
  std::size_t in_flight_ = 0;
  std::size_t unfinished_ = 0;
};

}  // namespace moetune::daemon::search
