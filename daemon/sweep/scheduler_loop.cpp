#include "daemon/sweep/scheduler_loop.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "daemon/deciding_sweep.hpp"
#include "daemon/expert_counts.hpp"
#include "daemon/file_in_force.hpp"
#include "daemon/sibling_seeds.hpp"
#include "daemon/sweep/sweep_neighbours.hpp"
#include "daemon/sweep/sweep_view.hpp"
#include "daemon/upload_store.hpp"
#include "db/candidate_store.hpp"
#include "db/database.hpp"
#include "db/earlier_outcomes.hpp"
#include "db/sibling_store.hpp"
#include "db/traffic_store.hpp"
#include "db/trial_store.hpp"

namespace moetune::daemon {
namespace {

using namespace std::chrono_literals;
using schema::Result;
using schema::SweepPhase;
using schema::SweepState;
using SteadyClock = std::chrono::steady_clock;

constexpr auto k_progress_interval = 250ms;
constexpr auto k_idle_patience = 1000ms;
constexpr auto k_busy_patience = 100ms;

}  // namespace

void SchedulerShared::tell_trouble(nlohmann::ordered_json& view) {
  const auto known = trouble.lock();
  const bool unfinished = view["state"] == name_of(SweepState::running) || view["state"] == name_of(SweepState::queued);
  if (unfinished && view["id"] == known->sweep && view["error"].is_null()) view["error"] = known->reason;
}

SchedulerLoop::SchedulerLoop(const Scheduler::Options& options, const Scheduler::Services& services, Poller& poller,
                             EventHub& hub, SchedulerShared& shared, std::string boot_id)
    : options_(options),
      services_(services),
      machine_(services.machine),
      poller_(poller),
      hub_(hub),
      shared_(shared),
      boot_id_(std::move(boot_id)),
      nvrtc_crew_(poller, options.compile) {
  machine_.triton = machine_.triton.with_own_planner();
}

void SchedulerLoop::run() {
  while (!shared_.stopping) {
    turn();
    poller_.wait(run_ ? k_busy_patience : k_idle_patience);
  }
  if (run_) run_->abandon();
  run_.reset();
  dismiss_crews();
}

void SchedulerLoop::turn() {
  if (!run_) pick_sweep();
  if (!run_) return;
  follow_state();
  if (!run_) return;
  run_->step(draining_ ? SweepRun::Dispatch::no : SweepRun::Dispatch::yes);
  shared_.eta_s = run_->eta().value_or(-1);
  shared_.compile_jobs = nvrtc_crew_.jobs_begun() + (triton_crew_ ? triton_crew_->jobs_begun() : 0);
  note_trouble(run_->id(), phase_trouble_.empty() ? run_->trouble() : phase_trouble_);
  conclude();
  if (SteadyClock::now() >= next_progress_) publish_progress();
}

void SchedulerLoop::pick_sweep() {
  const auto sweep = services_.database.read([](db::Snapshot& snapshot) -> Result<std::optional<db::Sweep>> {
    auto unfinished = db::unfinished_sweeps(snapshot);
    if (!unfinished) return std::unexpected(unfinished.error());
    for (auto& candidate : *unfinished) {
      if (candidate.state == SweepState::running) return candidate;
    }
    return db::next_queued_sweep(snapshot);
  });
  if (!sweep) {
    spdlog::error("cannot look for the next sweep: {}", sweep.error().message);
    return;
  }
  if (!*sweep) {
    dismiss_crews();
    return;
  }
  const std::int64_t id = (*sweep)->id;
  shared_.running = id;
  auto run = begin(**sweep);
  began_ = SteadyClock::now();
  note_trouble(id, run ? "" : run.error().message);
  if (run) {
    run_ = std::move(*run);
    draining_ = false;
    spdlog::info("sweep {} runs: {}", id, short_text((*sweep)->spec.problem));
    return;
  }
  refuse_to_run(id, run.error());
}

void SchedulerLoop::refuse_to_run(std::int64_t id, const schema::Error& error) {
  spdlog::error("sweep {} cannot run: {}", id, error.message);
  switch (error.code) {
    case schema::ErrorCode::io:
    case schema::ErrorCode::conflict:
      // A full disk, or somebody steered it in between: looked at again later.
      if (!run_) shared_.running = 0;
      break;
    case schema::ErrorCode::unavailable:  // a GPU or a compiler that may come back
      end_run(SweepState::paused, error.message);
      break;
    default:
      end_run(SweepState::failed, error.message);
  }
}

Result<std::unique_ptr<SweepRun>> SchedulerLoop::begin(const db::Sweep& queued) {
  std::optional<std::filesystem::path> recording;
  if (queued.spec.recording) {
    auto path = services_.uploads.path(*queued.spec.recording);
    if (!path) {
      return schema::fail(schema::ErrorCode::not_found, fmt::format("its recording is gone: {}", path.error().message));
    }
    recording = std::move(*path);
  }
  schema::SweepSpec spec = queued.spec;
  // Begun by a version of the daemon that knew no scans.
  if (queued.started_at && !queued.scanned) spec.scan = false;
  const auto sets = sets_of(queued.id);
  if (!sets) return std::unexpected(sets.error());
  const SiblingsOf siblings = [&](const schema::Group& group) { return siblings_of(queued, group); };
  // The newest one at each start: it changes the order of the work, and nothing that a run has to agree on with
  // another.
  const auto traffic = newest_traffic();
  if (!traffic) return std::unexpected(traffic.error());
  auto plan = plan_sweep(spec, machine_, recording, *sets, siblings, *traffic);
  if (!plan) return std::unexpected(plan.error());
  const auto neighbours =
      services_.database.read([&](db::Snapshot& snapshot) { return db::neighbours_of_sweep(snapshot, queued.id); });
  if (!neighbours) return std::unexpected(neighbours.error());
  take_neighbours(*plan, *neighbours);
  const auto without_scan = [&]() {
    spec.scan = false;
    spec.strategy = schema::k_exhaustive;
    return plan_sweep(spec, machine_, recording, *sets, siblings, *traffic);
  };
  if (!queued.started_at && spec.reuse && plan->phase == SweepPhase::scan && is_measured_whole(*plan)) {
    plan = without_scan();
    if (!plan) return std::unexpected(plan.error());
  }
  auto counts =
      services_.database.read([&](db::Snapshot& snapshot) { return expert_counts_of(snapshot, queued.spec); });
  if (!counts) return std::unexpected(counts.error());
  const auto identity = identity_of(*plan);
  std::int64_t earlier_trials = 0;
  if (queued.started_at && queued.resolved != identity) {
    return schema::fail(
        schema::ErrorCode::invalid_argument,
        "its kernel, compiler or GPU is not the one that it began with; start a new sweep (with reuse)");
  }
  if (queued.started_at && plan->phase == SweepPhase::scan && queued.phase == SweepPhase::measure) {
    const auto scanned = scanned_rows(queued.id);
    if (!scanned) return std::unexpected(scanned.error());
    earlier_trials = std::ssize(*scanned);
    // Without a row it was one that found everything measured and did without a scan.
    plan = scanned->empty() ? without_scan() : plan_measure_phase(*plan, queued.spec, machine_, *scanned);
    if (!plan) return std::unexpected(plan.error());
  }
  plan->expert_counts = std::move(*counts);
  auto sweep = services_.database.write([&](db::Transaction& transaction) -> Result<db::Sweep> {
    auto resolved =
        db::resolve_sweep(transaction, queued.id,
                          {.resolved = identity,
                           // What a race has come to so far stays.
                           .total = plan->races ? queued.total.value_or(0) : earlier_trials + plan->known_trials(),
                           .not_recorded = plan->not_recorded,
                           .phase = plan->phase});
    if (!resolved) return std::unexpected(resolved.error());
    if (!queued.started_at && !plan->siblings.empty()) {
      auto kept = db::set_sibling_seeds(transaction, queued.id, plan->siblings);
      if (!kept) return std::unexpected(kept.error());
    }
    return db::change_sweep_state(transaction, queued.id, SweepState::running);
  });
  if (!sweep) return std::unexpected(sweep.error());
  hub_.publish(sweep->id, {"state", state_view(*sweep).dump()});
  if (!plan->siblings.empty()) {
    spdlog::info("sweep {} tries again what is chosen by now, and what won elsewhere, for {} batches", sweep->id,
                 plan->siblings.size());
  }
  const RunContext context{.database = services_.database,
                           .cache = services_.cache,
                           .poller = poller_,
                           .crew = crew_for(plan->compiles ? plan->kernel : "cuda"),
                           .step_crew = nvrtc_crew_,
                           .hub = hub_,
                           .station = options_.measure,
                           .scratch = options_.scratch,
                           .boot_id = boot_id_};
  return SweepRun::begin(context, *sweep, std::move(*plan));
}

Result<std::optional<schema::Traffic>> SchedulerLoop::newest_traffic() {
  const auto newest = services_.database.read([](db::Snapshot& snapshot) { return db::newest_traffic(snapshot); });
  if (!newest) return std::unexpected(newest.error());
  return *newest ? std::optional((*newest)->traffic) : std::nullopt;
}

Result<std::vector<schema::SeedingSet>> SchedulerLoop::sets_of(std::int64_t sweep) {
  using Sets = std::vector<schema::SeedingSet>;
  return services_.database.read([&](db::Snapshot& snapshot) -> Result<Sets> {
    const auto shares = db::candidates_of_sweep(snapshot, sweep);
    if (!shares) return std::unexpected(shares.error());
    Sets sets;
    for (const auto& share : *shares) {
      auto set = db::find_seeding_set(snapshot, share.set);
      if (!set) return std::unexpected(set.error());
      sets.push_back(std::move(*set));
      spdlog::info("sweep {} takes {} candidates from {}, {} rows left out", sweep, share.candidates, share.name,
                   share.left_out);
    }
    return sets;
  });
}

Result<search::Seeds> SchedulerLoop::siblings_of(const db::Sweep& sweep, const schema::Group& group) {
  return services_.database.read([&](db::Snapshot& snapshot) -> Result<search::Seeds> {
    if (!sweep.started_at) {
      auto seeds = sibling_seeds(snapshot, group, sweep.spec.batches);
      // What is chosen now, and what the file runs there, is tried again, so that both change for a gain alone.
      const auto in_force = in_force_at(snapshot, group, sweep.spec.batches);
      const auto chosen = chosen_of_group(snapshot, group);
      if (!seeds || !chosen) return seeds ? std::unexpected(chosen.error()) : std::move(seeds);
      if (!in_force) return std::unexpected(in_force.error());
      const auto try_first = [&](const std::map<std::int64_t, schema::TileConfig>& configs) {
        for (const auto batch : sweep.spec.batches) {
          const auto found = configs.find(batch);
          if (found == configs.end()) continue;
          auto& known = (*seeds)[batch];
          std::erase(known, found->second);
          known.insert(known.begin(), found->second);
        }
      };
      try_first(*in_force);
      try_first(*chosen);
      return seeds;
    }
    auto taken = db::sibling_seeds_of(snapshot, sweep.id);
    if (!taken) return std::unexpected(taken.error());
    return std::move(*taken).value_or(search::Seeds());
  });
}

CompileCrew& SchedulerLoop::crew_for(const std::string& kernel) {
  if (!is_triton_kernel(kernel)) return nvrtc_crew_;
  if (!triton_crew_ || triton_kernel_ != kernel) {
    CompileCrew::Options options = options_.compile;
    options.worker.command = machine_.triton.worker(kernel, options_.triton_memory_limit_mib);
    triton_crew_ = std::make_unique<CompileCrew>(poller_, std::move(options));
    triton_kernel_ = kernel;
  }
  return *triton_crew_;
}

void SchedulerLoop::dismiss_crews() {
  nvrtc_crew_.dismiss();
  triton_crew_.reset();
}

void SchedulerLoop::follow_state() {
  const auto state =
      services_.database.read([&](db::Snapshot& snapshot) { return db::find_sweep(snapshot, run_->id()); });
  if (!state) return;
  if (state->state == SweepState::cancelled) {
    run_->abandon();
    let_go();
  } else {
    draining_ = state->state != SweepState::running;
    if (draining_ && run_->quiet()) let_go();
  }
}

void SchedulerLoop::conclude() {
  if (run_->failure()) {
    run_->abandon();
    end_run(SweepState::failed, run_->failure()->message);
  } else if (run_->stuck()) {
    run_->abandon();
    end_run(SweepState::paused, *run_->stuck());
  } else if (run_->done() && !draining_) {
    go_on();
  }
}

/// The files of the group as they are before the sweep counts; nothing where its rows cannot be read.
std::optional<FilesInForce> SchedulerLoop::files_before() {
  auto files =
      services_.database.read([&](db::Snapshot& snapshot) { return files_in_force(snapshot, run_->plan().group); });
  if (files) return std::move(*files);
  spdlog::warn("sweep {} ends without the file that comes of it: {}", run_->id(), files.error().message);
  return std::nullopt;
}

Result<db::Sweep> SchedulerLoop::store_end(SweepState state, const std::string& error,
                                           const std::optional<FilesInForce>& before) {
  const std::int64_t id = shared_.running;
  return services_.database.write([&](db::Transaction& transaction) -> Result<db::Sweep> {
    auto ended = db::change_sweep_state(transaction, id, state, error);
    if (!ended || !before) return ended;
    const auto kept = keep_files(transaction, run_->plan().group, id, *before);
    return kept ? std::move(ended) : std::unexpected(kept.error());
  });
}

void SchedulerLoop::end_run(SweepState state, const std::string& error) {
  const std::int64_t id = shared_.running;
  if (!error.empty()) spdlog::error("sweep {} is {}: {}", id, name_of(state), error);
  const auto before = state == SweepState::done ? files_before() : std::nullopt;
  auto sweep = store_end(state, error, before);
  if (!sweep && before && sweep.error().code == schema::ErrorCode::data_damaged) {
    // Whether a file can be placed does not decide whether a measured sweep is done.
    spdlog::warn("sweep {} ends without the file that comes of it: {}", id, sweep.error().message);
    sweep = store_end(state, error, std::nullopt);
  }
  if (!sweep) {
    // Steered by somebody in the same moment, or a full disk: the next turn finds the state that is stored.
    spdlog::warn("sweep {} stays as it is: {}", id, sweep.error().message);
    note_trouble(id, error.empty() ? sweep.error().message : error);
    if (run_ && sweep.error().code != schema::ErrorCode::conflict) return;
  } else {
    publish_progress();
    hub_.publish(id, {"state", state_view(*sweep).dump()});
    if (is_final(state)) {
      hub_.finish(id);
      ++shared_.sweeps_finished;
    }
  }
  let_go();
}

void SchedulerLoop::note_trouble(std::int64_t sweep, const std::string& reason) {
  const auto trouble = shared_.trouble.lock();
  *trouble = reason.empty() ? SchedulerShared::Trouble{} : SchedulerShared::Trouble{sweep, reason};
}

void SchedulerLoop::let_go() {
  if (run_) {
    shared_.measure_busy_seconds = shared_.measure_busy_seconds + run_->busy_seconds();
  }
  run_.reset();
  phase_trouble_.clear();
  shared_.running = 0;
  shared_.eta_s = -1;
}

void SchedulerLoop::publish_progress() {
  if (!run_ || !hub_.has_subscribers(run_->id())) return;
  next_progress_ = SteadyClock::now() + k_progress_interval;
  const auto view = services_.database.read([&](db::Snapshot& snapshot) -> Result<nlohmann::ordered_json> {
    const auto sweep = db::find_sweep(snapshot, run_->id());
    if (!sweep) return std::unexpected(sweep.error());
    auto whole = sweep_view(snapshot, *sweep, run_->eta());
    if (whole) shared_.tell_trouble(*whole);
    return whole;
  });
  if (view) hub_.publish(run_->id(), {"progress", view->dump()});
}

}  // namespace moetune::daemon
