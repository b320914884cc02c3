#include "daemon/sweep/rows_so_far.hpp"
#include "daemon/sweep/sweep_run.hpp"
#include "kernels/compile_plan.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon {
namespace {

using schema::Result;
using search::KernelIndex;
using search::TrialIndex;
using search::WorkBoard;

std::size_t stations_needed(const SweepPlan& plan) {
  return plan.recording ? 1 : plan.gpus.size();
}

}  // namespace

SweepRun::SweepRun(const RunContext& context, const db::Sweep& sweep, SweepPlan plan, WorkBoard board)
    : context_(context),
      sweep_(sweep),
      plan_(std::move(plan)),
      board_(std::move(board)),
      ledger_(sweep.id, plan_.phase, context.boot_id) {}

SweepRun::~SweepRun() {
  context_.cache.release_all();
}

WorkBoard SweepRun::board_for(const RunContext& context, const SweepPlan& plan) {
  const auto admission = plan.races ? search::Admission::on_request : search::Admission::all;
  WorkBoard board(plan.candidates, stations_needed(plan), plan.needs, context.crew.slots(), plan.order, admission);
  board.prefer(plan.ranks);
  return board;
}

Result<std::unique_ptr<SweepRun>> SweepRun::begin(const RunContext& context, const db::Sweep& sweep, SweepPlan plan) {
  WorkBoard board = board_for(context, plan);
  std::unique_ptr<SweepRun> run(new SweepRun(context, sweep, std::move(plan), std::move(board)));
  if (auto done = run->take_up(sweep.compiles == db::CompileCounts{}); !done) return std::unexpected(done.error());
  return run;
}

Result<void> SweepRun::enter(SweepPlan plan) {
  board_ = board_for(context_, plan);
  plan_ = std::move(plan);
  ledger_.enter(plan_.phase);
  // The kernels of the phase before may go; the step's is looked up again.
  context_.cache.release_all();
  step_artifact_.reset();
  kernels_.clear();
  failed_kernels_.clear();
  looked_up_.clear();
  own_kernels_.clear();
  race_.reset();
  raced_ = false;
  rounds_.clear();
  kept_back_.clear();
  best_us_.clear();
  trial_seconds_.clear();
  return take_up(true);
}

/// Finishes what earlier runs of the phase have finished, and suspects what the daemon died over.
Result<void> SweepRun::take_up(bool first_time) {
  if (auto done = store_defaults(); !done) return done;
  std::vector<db::Attempt> cut_off;
  auto done = context_.database.read([&](db::Snapshot& snapshot) -> Result<void> {
    auto attempts = db::cut_off_attempts(snapshot, id());
    if (!attempts) return std::unexpected(attempts.error());
    cut_off = std::move(*attempts);
    if (auto taken = take_up_owners(snapshot); !taken) return taken;
    if (auto skipped = skip_finished(snapshot); !skipped) return skipped;
    if (auto read = read_earlier_outcomes(snapshot); !read) return read;
    if (auto found = find_incumbents(snapshot); !found) return found;
    if (auto begun = begin_anchors(snapshot); !begun) return begun;
    if (plan_.order != search::Order::plan) {
      if (auto taken = take_up_rounds(snapshot); !taken) return taken;
    }
    return plan_.races ? begin_race(snapshot) : Result<void>();
  });
  if (!done) return done;
  // A sweep that goes on after a stop finds its own kernels in the cache: they were counted when they were compiled.
  counts_cached_ = first_time;
  if (race_) {
    advance_race();
  } else {
    for (std::size_t i = 0; i < board_.trials().size(); ++i) {
      if (!keep_back({i})) take_over_earlier({i});
    }
    settle_kept_back();
    for (std::size_t i = 0; i < plan_.kernels.size(); ++i) look_up({i});
    open_rounds();
  }
  counts_cached_ = true;
  suspect(cut_off);
  return {};
}

Result<void> SweepRun::store_defaults() {
  return context_.database.write([&](db::Transaction& transaction) -> Result<void> {
    for (const auto& [batch, config] : plan_.default_of_batch) {
      auto set = db::set_sweep_default(transaction, id(), batch, config, plan_.default_source);
      if (!set) return set;
    }
    return {};
  });
}

Result<void> SweepRun::skip_finished(db::Snapshot& snapshot) {
  const auto finished = db::finished_trials(snapshot, id(), plan_.phase);
  if (!finished) return std::unexpected(finished.error());
  for (const db::TrialKey& key : *finished) {
    const auto trial = board_.find_trial({key.batch, key.config});
    if (!trial) continue;
    board_.finish(*trial);
    for (const auto kernel : board_.kernels_of(*trial)) own_kernels_.insert(kernel);
  }
  if (plan_.phase == schema::SweepPhase::scan) return {};
  const auto rows = db::scanned_rows(snapshot, id(), plan_.phase);
  if (!rows) return std::unexpected(rows.error());
  best_us_ = fastest_so_far(
      *rows, [&](std::int64_t batch) { return gpu_of_batch(batch); }, sweep_.started_at.value_or(schema::Timestamp{}));
  return {};
}

Result<void> SweepRun::read_earlier_outcomes(db::Snapshot& snapshot) {
  reusable_.clear();
  known_failures_ = {};
  if (sweep_.spec.reuse) {
    auto rows = db::reusable_trials(snapshot, plan_.group);
    if (!rows) return std::unexpected(rows.error());
    reusable_ = std::move(*rows);
  }
  if (!plan_.recording && !sweep_.spec.retry_failed) {
    auto known = db::known_failures(snapshot, plan_.group, plan_.arch);
    if (!known) return std::unexpected(known.error());
    known_failures_ = std::move(*known);
  }
  return {};
}

/// Finishes a trial with what other sweeps know of it. Returns whether they know anything.
bool SweepRun::take_over_earlier(TrialIndex trial) {
  const auto take_over = [&](const schema::Trial& earlier) {
    schema::Trial row = row_for(trial, earlier.status);
    row.log_tail = earlier.log_tail;
    if (earlier.status == schema::TrialStatus::ok) {
      row = earlier;
      // They were taken in turns with others of that sweep, and with nobody of this one.
      if (!row.rounds.empty() && !row.rounds_of) row.rounds_of = earlier.sweep;
    }
    finish_trial(trial, std::move(row));
    return true;
  };
  if (board_.is_finished(trial)) return false;
  const auto& candidate = board_.trials()[trial.value];
  const db::TrialKey key{candidate.batch, candidate.config};
  if (const auto row = reusable_.find(key); row != reusable_.end()) return take_over(row->second);
  if (const auto run = known_failures_.run.find(key); run != known_failures_.run.end()) return take_over(run->second);
  const auto compile = known_failures_.compile.find(key.config);
  return compile != known_failures_.compile.end() && take_over(compile->second);
}

/// Settles, once, whether a wanted kernel has to be compiled.
void SweepRun::look_up(KernelIndex kernel) {
  if (!plan_.compiles || !board_.is_wanted(kernel) || !looked_up_.insert(kernel).second) return;
  const KernelSpec& spec = spec_of(kernel);
  if (!spec.parts) {
    fail_kernel(kernel, schema::TrialStatus::compile_error, spec.refused);
    return;
  }
  const auto key = kernels::ArtifactKey::of(*spec.parts);
  const bool is_new = seen_artifacts_.insert(key.hex()).second;  // a phase before may have had it
  const auto cached = context_.cache.lookup(key);
  if (!cached) return;
  db::CompileCounts counts;
  if (cached->info.status == schema::TrialStatus::ok) {
    kernels_[kernel] = cached->path;
    board_.ready(kernel);
    counts.cached = 1;
  } else if (sweep_.spec.retry_failed) {
    context_.cache.forget(key);
  } else {
    fail_kernel(kernel, cached->info.status, cached->info.log_tail);
    counts.failed = 1;
  }
  if (counts_cached_ && is_new && !own_kernels_.contains(kernel)) ledger_.add_counts(counts);
}

void SweepRun::suspect(const std::vector<db::Attempt>& attempts) {
  for (const db::Attempt& attempt : attempts) {
    if (attempt.candidate) {
      const auto trial = board_.find_trial({attempt.candidate->batch, attempt.candidate->config});
      if (trial) board_.suspect(*trial);
      continue;
    }
    for (std::size_t i = 0; i < plan_.kernels.size(); ++i) {
      const auto& parts = plan_.kernels[i].parts;
      if (parts && kernels::ArtifactKey::of(*parts).hex() == attempt.artifact_key) board_.suspect(KernelIndex{i});
    }
  }
}

}  // namespace moetune::daemon
