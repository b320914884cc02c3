#include "daemon/sweep/compile_crew.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <utility>

namespace moetune::daemon {
namespace {

constexpr int k_max_failed_starts = 3;

}  // namespace

CompileCrew::CompileCrew(Poller& poller, Options options)
    : poller_(poller), options_(std::move(options)), slots_(std::max<std::size_t>(options_.slots, 1)) {}

std::size_t CompileCrew::free_slots() const {
  if (broken_) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(slots_, [](const Slot& slot) { return !slot.busy; }));
}

bool CompileCrew::submit(nlohmann::json job) {
  const auto free = std::ranges::find_if(slots_, [](const Slot& slot) { return !slot.busy; });
  if (free == slots_.end()) return false;
  free->busy = true;
  free->waiting = std::move(job);
  if (!free->worker) {
    start(*free);
  } else if (free->worker->state() == WorkerProcess::State::idle) {
    send(*free);
  }
  return true;
}

void CompileCrew::start(Slot& slot) {
  auto worker = WorkerProcess::start(poller_, options_.worker);
  if (worker) {
    slot.worker = std::move(*worker);
  } else {
    broken_ = worker.error();
  }
}

void CompileCrew::send(Slot& slot) {
  const nlohmann::json job = *std::exchange(slot.waiting, std::nullopt);
  ++jobs_begun_;
  // It was idle a moment ago; should it have died since, its end comes as an event that names the job.
  (void)slot.worker->send(job, options_.limits);
}

void CompileCrew::handle(Slot& slot, WorkerEvent& event, std::vector<CompileOutcome>& outcomes) {
  if (std::holds_alternative<WorkerReady>(event)) {
    slot.failed_starts = 0;
    if (slot.waiting) send(slot);
  } else if (auto* reply = std::get_if<WorkerReply>(&event)) {
    auto compiled = kernels::compile_reply_from_json(reply->body);
    slot.busy = false;
    if (compiled) {
      outcomes.push_back({compiled->id, std::move(*compiled)});
      if (reply->resident_bytes > options_.recycle_bytes) slot.worker->stop();
    } else {
      WorkerEnded garbage{};
      garbage.killed = KillReason::garbage;
      garbage.during_job = true;
      garbage.delivered = true;
      garbage.job = reply->body.value("id", std::int64_t{0});
      garbage.explanation = compiled.error().message;
      outcomes.push_back({garbage.job, std::move(garbage)});
      slot.worker->kill();
    }
  } else {
    auto& ended = std::get<WorkerEnded>(event);
    slot.worker.reset();
    if (ended.during_job) {
      slot.busy = false;
      outcomes.push_back({ended.job, std::move(ended)});
    } else if (slot.waiting) {
      const bool from_outside = !ended.killed && ended.status.signal == SIGKILL;
      if (!from_outside && ++slot.failed_starts >= k_max_failed_starts) {
        broken_ = schema::Error{schema::ErrorCode::unavailable, fmt::format("compile worker does not start: it {}: {}",
                                                                            ended.explanation, ended.log_tail)};
      } else {
        start(slot);
      }
    }
  }
}

std::vector<CompileOutcome> CompileCrew::take_outcomes() {
  std::vector<CompileOutcome> outcomes;
  for (Slot& slot : slots_) {
    if (!slot.worker) continue;
    for (WorkerEvent& event : slot.worker->take_events()) handle(slot, event, outcomes);
  }
  return outcomes;
}

void CompileCrew::dismiss() {
  for (Slot& slot : slots_) slot = Slot{};
  broken_.reset();
}

}  // namespace moetune::daemon
