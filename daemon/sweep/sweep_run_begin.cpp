#include "daemon/sweep/sweep_run.hpp"
#include "db/best_query.hpp"
#include "db/earlier_outcomes.hpp"
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
  const auto order = plan.in_rounds ? search::Order::rounds : search::Order::plan;
  return {plan.candidates, stations_needed(plan), plan.needs, context.crew.slots(), order};
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
    if (auto skipped = skip_finished(snapshot); !skipped) return skipped;
    if (auto used = use_earlier_outcomes(snapshot); !used) return used;
    return in_rounds() ? take_up_rounds(snapshot) : Result<void>();
  });
  if (!done) return done;
  if (plan_.compiles) {
    refuse_kernels();
    use_cached_kernels(first_time);
  }
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
    if (const auto trial = board_.find_trial({key.batch, key.config})) board_.finish(*trial);
  }
  if (plan_.phase == schema::SweepPhase::scan) return {};
  const auto best = db::best_of_sweep(snapshot, id());
  if (!best) return std::unexpected(best.error());
  for (const auto& row : *best) best_us_[row.batch] = row.best.latency_us;
  return {};
}

Result<void> SweepRun::use_earlier_outcomes(db::Snapshot& snapshot) {
  const auto take_over = [&](TrialIndex trial, const schema::Trial& earlier) {
    schema::Trial row = row_for(trial, earlier.status);
    row.log_tail = earlier.log_tail;
    if (earlier.status == schema::TrialStatus::ok) row = earlier;
    finish_trial(trial, std::move(row));
  };
  std::map<db::TrialKey, schema::Trial> reusable;
  db::KnownFailures failures;
  if (sweep_.spec.reuse) {
    auto rows = db::reusable_trials(snapshot, plan_.group);
    if (!rows) return std::unexpected(rows.error());
    reusable = std::move(*rows);
  }
  if (!plan_.recording && !sweep_.spec.retry_failed) {
    auto known = db::known_failures(snapshot, plan_.group, plan_.arch);
    if (!known) return std::unexpected(known.error());
    failures = std::move(*known);
  }
  for (std::size_t i = 0; i < board_.trials().size(); ++i) {
    const auto& candidate = board_.trials()[i];
    const db::TrialKey key{candidate.batch, candidate.config};
    if (board_.is_finished({i})) continue;
    if (const auto row = reusable.find(key); row != reusable.end()) {
      take_over({i}, row->second);
    } else if (const auto run = failures.run.find(key); run != failures.run.end()) {
      take_over({i}, run->second);
    } else if (const auto compile = failures.compile.find(key.config); compile != failures.compile.end()) {
      take_over({i}, compile->second);
    }
  }
  return {};
}

void SweepRun::refuse_kernels() {
  for (std::size_t i = 0; i < plan_.kernels.size(); ++i) {
    if (!plan_.kernels[i].parts) fail_kernel({i}, schema::TrialStatus::compile_error, plan_.kernels[i].refused);
  }
}

void SweepRun::use_cached_kernels(bool first_time) {
  db::CompileCounts counts;
  for (std::size_t i = 0; i < plan_.kernels.size(); ++i) {
    const KernelIndex kernel{i};
    if (!board_.is_wanted(kernel)) continue;
    const auto key = kernels::ArtifactKey::of(*spec_of(kernel).parts);
    const auto cached = context_.cache.lookup(key);
    if (!cached) continue;
    if (cached->info.status == schema::TrialStatus::ok) {
      kernels_[kernel] = cached->path;
      board_.ready(kernel);
      ++counts.cached;
    } else if (sweep_.spec.retry_failed) {
      context_.cache.forget(key);
    } else {
      fail_kernel(kernel, cached->info.status, cached->info.log_tail);
      ++counts.failed;
    }
  }
  // A sweep that goes on after a stop finds its own kernels in the cache: they were counted when they were compiled.
  if (first_time) ledger_.add_counts(counts);
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
