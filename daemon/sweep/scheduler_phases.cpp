#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "daemon/best_view.hpp"
#include "daemon/deciding_sweep.hpp"
#include "daemon/file_in_force.hpp"
#include "daemon/search/between.hpp"
#include "daemon/sweep/scheduler_loop.hpp"
#include "db/best_query.hpp"
#include "db/earlier_outcomes.hpp"
#include "db/trial_store.hpp"

/// How a sweep goes from one phase to the next.
namespace moetune::daemon {
namespace {

using namespace std::chrono_literals;
using schema::Result;
using schema::SweepPhase;
using schema::SweepState;
using SteadyClock = std::chrono::steady_clock;

constexpr auto k_phase_pause = 1000ms;  // between attempts to enter a phase

}  // namespace

bool SchedulerLoop::is_measured_whole(const SweepPlan& scan) {
  schema::Group group = scan.group;
  group.kernel = scan.kernel;
  const auto rows =
      services_.database.read([&](db::Snapshot& snapshot) { return db::reusable_trials(snapshot, group); });
  return rows && std::ranges::all_of(scan.candidates, [&](const search::Candidate& candidate) {
           return rows->contains({candidate.batch, candidate.config});
         });
}

Result<std::vector<db::ScannedRow>> SchedulerLoop::scanned_rows(std::int64_t sweep) {
  return services_.database.read([&](db::Snapshot& snapshot) { return db::scanned_rows(snapshot, sweep); });
}

/// Stores what the next phase comes to, after `earlier` trials of the sweep.
Result<SweepPlan> SchedulerLoop::resolved(SweepPlan plan, std::int64_t earlier) {
  const auto stored = services_.database.write([&](db::Transaction& transaction) {
    return db::resolve_sweep(transaction, run_->id(),
                             {.resolved = identity_of(plan),
                              .total = earlier + plan.known_trials(),
                              .not_recorded = plan.not_recorded,
                              .phase = plan.phase});
  });
  if (!stored) return std::unexpected(stored.error());
  return plan;
}

Result<SweepPlan> SchedulerLoop::measure_phase() {
  const auto rows = scanned_rows(run_->id());
  if (!rows) return std::unexpected(rows.error());
  auto plan = plan_measure_phase(run_->plan(), run_->sweep().spec, machine_, *rows);
  if (!plan) return plan;
  spdlog::info("sweep {} has scanned {} candidates and measures {}", run_->id(), rows->size(), plan->candidates.size());
  return resolved(std::move(*plan), std::ssize(*rows));
}

Result<std::optional<SweepPlan>> SchedulerLoop::phase_between() {
  struct Known {
    std::map<std::int64_t, schema::TileConfig> chosen;
    std::map<std::int64_t, schema::TileConfig> in_force;  ///< between them
    std::int64_t trials = 0;                              ///< at the batches asked for
  };
  const auto& spec = run_->sweep().spec;
  const auto known = services_.database.read([&](db::Snapshot& snapshot) -> Result<Known> {
    const auto is_asked_for = [&](std::int64_t batch) { return std::ranges::binary_search(spec.batches, batch); };
    auto bests = db::best_of_sweep(snapshot, run_->id());
    if (!bests) return std::unexpected(bests.error());
    const auto before = chosen_of_group(snapshot, run_->plan().group);
    if (!before) return std::unexpected(before.error());
    Known all;
    auto in_force = in_force_at(snapshot, run_->plan().group, search::points_between(spec.batches));
    if (!in_force) return std::unexpected(in_force.error());
    all.in_force = std::move(*in_force);
    for (auto& best : *bests) {
      if (!is_asked_for(best.batch)) continue;
      if (auto judged = prefer_judged(snapshot, best); !judged) {
        return std::unexpected(judged.error());
      }
      if (const auto chosen = before->find(best.batch); chosen != before->end()) {
        auto incumbent = db::row_in_run(snapshot, best, chosen->second);
        if (!incumbent) return std::unexpected(incumbent.error());
        best.incumbent = std::move(*incumbent);
      }
      all.chosen[best.batch] = choice_for(best).config;
    }
    const auto counts = db::count_trials(snapshot, run_->id());
    if (!counts) return std::unexpected(counts.error());
    for (const auto& [status, count] : *counts) all.trials += count;
    const auto rows = db::finished_trials(snapshot, run_->id());
    if (!rows) return std::unexpected(rows.error());
    all.trials -= std::ranges::count_if(*rows, [&](const auto& key) { return !is_asked_for(key.batch); });
    return all;
  });
  if (!known) return std::unexpected(known.error());
  auto plan = plan_between(run_->plan(), spec, machine_, known->chosen, known->in_force);
  if (!plan) return std::unexpected(plan.error());
  if (!*plan) return std::nullopt;
  spdlog::info("sweep {} measures {} candidates between its batches", run_->id(), (*plan)->candidates.size());
  auto stored = resolved(std::move(**plan), known->trials);
  if (!stored) return std::unexpected(stored.error());
  return std::optional(std::move(*stored));
}

Result<std::optional<SweepPlan>> SchedulerLoop::next_phase() {
  if (run_->plan().phase == SweepPhase::scan) return measure_phase();
  if (run_->plan().between || !looks_between(run_->sweep().spec)) return std::nullopt;
  return phase_between();
}

/// After a phase: the next one, or the end.
void SchedulerLoop::go_on() {
  if (!run_->quiet() || SteadyClock::now() < next_phase_try_) return;
  auto plan = next_phase();
  if (!plan) {
    next_phase_try_ = SteadyClock::now() + k_phase_pause;
    phase_trouble_ = plan.error().message;
    refuse_to_run(run_->id(), plan.error());
    return;
  }
  phase_trouble_.clear();
  if (!*plan) {
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - began_).count();
    const double possible = seconds * static_cast<double>(run_->stations());
    spdlog::info("sweep {} is done after {:.1f} s, {} device(s) measured for {:.1f} s in all ({:.0f} %)", run_->id(),
                 seconds, run_->stations(), run_->busy_seconds(), 100 * run_->busy_seconds() / possible);
    end_run(SweepState::done, "");
    next_phase_try_ = SteadyClock::now() + k_phase_pause;  // where that could not be stored
    return;
  }
  if (auto entered = run_->enter(std::move(**plan)); !entered) {
    // The next turn begins the sweep anew, in this phase.
    spdlog::error("sweep {} begins again: {}", run_->id(), entered.error().message);
    run_->abandon();
    let_go();
  }
}

}  // namespace moetune::daemon
