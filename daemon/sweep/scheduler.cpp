#include "daemon/sweep/scheduler.hpp"

#include <fmt/format.h>

#include <thread>

#include "daemon/expert_counts.hpp"
#include "daemon/sweep/scheduler_loop.hpp"
#include "daemon/sweep/sweep_neighbours.hpp"
#include "daemon/sweep/sweep_view.hpp"
#include "daemon/upload_store.hpp"
#include "db/candidate_store.hpp"
#include "db/database.hpp"
#include "db/routing_store.hpp"

namespace moetune::daemon {

using nlohmann::ordered_json;
using schema::Result;
using schema::SweepState;

struct Scheduler::State {
  State(Options given, const Services& parts, Poller fresh)
      : options(std::move(given)), services(parts), poller(std::move(fresh)) {}

  Options options;
  Services services;
  Poller poller;
  EventHub hub;
  SchedulerShared shared;
  std::thread thread;
};

namespace {

/// Names this run of the daemon; distinct from every other run on the same database.
std::string new_boot_id() {
  return fmt::format("{}-{}", ::getpid(), schema::now().ms);
}

/// The imported sets that seed a new sweep: those whose file names are of its problem, whatever the device.
Result<std::vector<schema::SeedingSet>> sets_for(db::Snapshot& snapshot, const schema::SweepSpec& spec) {
  constexpr std::int64_t k_most = 1000;  // an engine ships about 20 files of one problem
  if (!spec.imported || !spec.candidates.empty()) return std::vector<schema::SeedingSet>();
  return db::seeding_sets(snapshot, spec.problem, k_most);
}

std::optional<double> eta_of(const SchedulerShared& shared, std::int64_t id) {
  const double eta = shared.eta_s;
  return shared.running == id && eta >= 0 ? std::optional(eta) : std::nullopt;
}

}  // namespace

Scheduler::Scheduler(std::unique_ptr<State> state) : state_(std::move(state)) {}
Scheduler::~Scheduler() {
  stop();
}

Result<std::unique_ptr<Scheduler>> Scheduler::start(Options options, const Services& services) {
  auto poller = Poller::create();
  if (!poller) return std::unexpected(poller.error());
  const std::string boot_id = new_boot_id();
  auto open = services.database.write(
      [&](db::Transaction& transaction) { return db::interrupt_open_attempts(transaction, boot_id); });
  if (!open) return std::unexpected(open.error());
  std::unique_ptr<Scheduler> scheduler(
      new Scheduler(std::make_unique<State>(std::move(options), services, std::move(*poller))));
  State& state = *scheduler->state_;
  state.thread = std::thread([&state, boot_id] {
    SchedulerLoop(state.options, state.services, state.poller, state.hub, state.shared, boot_id).run();
  });
  return scheduler;
}

void Scheduler::stop() {
  if (!state_->thread.joinable()) return;
  state_->shared.stopping = true;
  state_->poller.wake();
  state_->thread.join();
  state_->hub.close();
}

Result<std::int64_t> Scheduler::create(const schema::SweepSpec& given) {
  schema::SweepSpec spec = given;
  const auto counts =
      state_->services.database.read([&](db::Snapshot& snapshot) { return expert_counts_of(snapshot, given); });
  if (!counts) return std::unexpected(counts.error());
  if (spec.expert_counts) spec.routing = routing_of(*spec.expert_counts);
  spec.expert_counts.reset();  // stored by their name
  std::optional<std::filesystem::path> recording;
  if (spec.recording) {
    auto path = state_->services.uploads.path(*spec.recording);
    if (!path) return schema::fail(path.error().code, fmt::format("sweep.recording: {}", path.error().message));
    recording = std::move(*path);
  }
  const auto sets = state_->services.database.read([&](db::Snapshot& snapshot) { return sets_for(snapshot, spec); });
  if (!sets) return std::unexpected(sets.error());
  const auto plan = plan_sweep(spec, state_->services.machine, recording, *sets);
  if (!plan) return std::unexpected(plan.error());
  std::vector<db::NeighbourRow> neighbours;
  if (spec.imported) {
    auto found =
        state_->services.database.read([&](db::Snapshot& snapshot) { return neighbours_for(snapshot, *plan); });
    if (!found) return std::unexpected(found.error());
    neighbours = std::move(*found);
  }
  auto id = state_->services.database.write([&](db::Transaction& transaction) -> Result<std::int64_t> {
    if (*counts) {
      if (auto kept = db::keep_expert_counts(transaction, spec.routing, **counts); !kept) {
        return std::unexpected(kept.error());
      }
    }
    const auto created = db::create_sweep(transaction, spec);
    if (!created) return created;
    if (auto seeded = db::set_sweep_candidates(transaction, *created, plan->seeded.shares); !seeded) {
      return std::unexpected(seeded.error());
    }
    if (auto seeded = db::set_sweep_neighbours(transaction, *created, neighbours); !seeded) {
      return std::unexpected(seeded.error());
    }
    const auto resolved = db::resolve_sweep(transaction, *created,
                                            {.resolved = identity_of(*plan),
                                             .total = plan->known_trials(),
                                             .not_recorded = plan->not_recorded,
                                             .phase = plan->phase});
    if (!resolved) return std::unexpected(resolved.error());
    return created;
  });
  state_->poller.wake();
  return id;
}

Result<ordered_json> Scheduler::show(std::int64_t id) {
  return state_->services.database.read([&](db::Snapshot& snapshot) -> Result<ordered_json> {
    const auto sweep = db::find_sweep(snapshot, id);
    if (!sweep) return std::unexpected(sweep.error());
    auto view = sweep_view(snapshot, *sweep, eta_of(state_->shared, id));
    if (view) state_->shared.tell_trouble(*view);
    return view;
  });
}

Result<SweepPage> Scheduler::list(std::optional<std::int64_t> after, std::int64_t limit) {
  return state_->services.database.read([&](db::Snapshot& snapshot) -> Result<SweepPage> {
    const auto sweeps = db::list_sweeps(snapshot, after, limit + 1);
    if (!sweeps) return std::unexpected(sweeps.error());
    SweepPage page;
    for (const auto& sweep : *sweeps) {
      if (static_cast<std::int64_t>(page.items.size()) == limit) {
        page.next = page.items.back().at("id").get<std::int64_t>();
        break;
      }
      auto view = sweep_view(snapshot, sweep, eta_of(state_->shared, sweep.id), ViewOf::list);
      if (!view) return std::unexpected(view.error());
      state_->shared.tell_trouble(*view);
      page.items.push_back(std::move(*view));
    }
    return page;
  });
}

Result<ordered_json> Scheduler::change_state(std::int64_t id, SweepState state) {
  const auto sweep = state_->services.database.write(
      [&](db::Transaction& transaction) { return db::change_sweep_state(transaction, id, state); });
  if (!sweep) return std::unexpected(sweep.error());
  announce(*sweep);
  return show(id);
}

void Scheduler::announce(const db::Sweep& sweep) {
  state_->hub.publish(sweep.id, {"state", state_view(sweep).dump()});
  if (is_final(sweep.state)) state_->hub.finish(sweep.id);
  state_->poller.wake();
}

Result<ordered_json> Scheduler::pause(std::int64_t id) {
  return change_state(id, SweepState::paused);
}
Result<ordered_json> Scheduler::cancel(std::int64_t id) {
  return change_state(id, SweepState::cancelled);
}

Result<ordered_json> Scheduler::resume(std::int64_t id) {
  const auto sweep =
      state_->services.database.read([&](db::Snapshot& snapshot) { return db::find_sweep(snapshot, id); });
  if (!sweep) return std::unexpected(sweep.error());
  // One that has not been paused goes on as it is; a paused one waits for its turn again.
  if (sweep->state == SweepState::queued || sweep->state == SweepState::running) return show(id);
  return change_state(id, SweepState::queued);
}

Result<ordered_json> Scheduler::discard(std::int64_t id) {
  const auto sweep = state_->services.database.write([&](db::Transaction& transaction) -> Result<db::Sweep> {
    const auto found = db::find_sweep(transaction, id);
    if (!found) return found;
    if (!is_final(found->state)) {
      if (auto ended = db::change_sweep_state(transaction, id, SweepState::cancelled); !ended) return ended;
    }
    return db::discard_sweep(transaction, id);
  });
  if (!sweep) return std::unexpected(sweep.error());
  announce(*sweep);
  return show(id);
}

Result<std::unique_ptr<EventStream>> Scheduler::events(std::int64_t id) {
  // Subscribed first: no event between the look and the subscription can be missed.
  auto stream = state_->hub.subscribe(id);
  const auto sweep =
      state_->services.database.read([&](db::Snapshot& snapshot) { return db::find_sweep(snapshot, id); });
  if (!sweep) return std::unexpected(sweep.error());
  if (is_final(sweep->state)) announce(*sweep);
  return stream;
}

bool Scheduler::busy() const {
  const auto busy = state_->services.database.read([](db::Snapshot& snapshot) -> Result<bool> {
    const auto unfinished = db::unfinished_sweeps(snapshot);
    if (!unfinished) return std::unexpected(unfinished.error());
    for (const auto& sweep : *unfinished) {
      if (sweep.state != SweepState::paused) return true;
    }
    return false;
  });
  return busy.value_or(true);
}

std::vector<std::pair<std::string, double>> Scheduler::counters() const {
  const SchedulerShared& shared = state_->shared;
  return {{"compile_jobs_total", static_cast<double>(shared.compile_jobs)},
          {"measure_busy_seconds_total", shared.measure_busy_seconds},
          {"sweeps_finished_total", static_cast<double>(shared.sweeps_finished)},
          {"sweep_running", shared.running == 0 ? 0.0 : 1.0}};
}

}  // namespace moetune::daemon
