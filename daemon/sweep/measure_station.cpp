#include "daemon/sweep/measure_station.hpp"

#include <fmt/format.h>

#include <csignal>
#include <utility>

namespace moetune::daemon {
namespace {

constexpr int k_max_failed_openings = 3;

}  // namespace

MeasureStation::MeasureStation(Poller& poller, Options options, kernels::OpenProblem problem)
    : poller_(poller), options_(std::move(options)), problem_(std::move(problem)) {}

void MeasureStation::open() {
  if (state_ != State::closed || refused_) return;
  auto worker = WorkerProcess::start(poller_, options_.worker);
  if (!worker) {
    refused_ = StationRefused{worker.error()};
    return;
  }
  worker_ = std::move(*worker);
  state_ = State::starting;
}

std::size_t MeasureStation::room() const {
  return state_ == State::open ? worker_->room() : 0;
}

schema::Result<void> MeasureStation::send(const kernels::MeasureJob& job) {
  if (room() == 0) return schema::fail(schema::ErrorCode::conflict, "the measure worker has no room");
  return worker_->send(kernels::to_json(job), options_.job_limits);
}

void MeasureStation::close() {
  worker_.reset();
  state_ = State::closed;
}

void MeasureStation::handle_reply(WorkerReply& reply, std::vector<StationEvent>& events) {
  if (state_ == State::opening) {
    const auto ready = kernels::measure_ready_from_json(reply.body);
    if (ready && !ready->error) {
      state_ = State::open;
      failed_openings_ = 0;
      return;
    }
    events.emplace_back(StationRefused{ready ? *ready->error : ready.error()});
    close();
    return;
  }
  auto measured = kernels::measure_reply_from_json(reply.body);
  if (measured) {
    events.emplace_back(MeasuredJob{std::move(*measured), reply.elapsed});
    return;
  }
  WorkerEnded garbage{};
  garbage.killed = KillReason::garbage;
  garbage.during_job = true;
  garbage.delivered = true;
  garbage.job = reply.body.value("id", std::int64_t{0});
  garbage.explanation = measured.error().message;
  close();
  events.emplace_back(StationDown{std::move(garbage)});
}

void MeasureStation::handle_end(WorkerEnded& ended, std::vector<StationEvent>& events) {
  const bool was_open = state_ == State::open;
  close();
  if (was_open) {
    events.emplace_back(StationDown{std::move(ended)});
    return;
  }
  const bool from_outside = !ended.killed && ended.status.signal == SIGKILL;
  if (from_outside || ++failed_openings_ < k_max_failed_openings) {
    open();
    return;
  }
  events.emplace_back(
      StationRefused{{schema::ErrorCode::unavailable, fmt::format("measure worker cannot open the problem: it {}: {}",
                                                                  ended.explanation, ended.log_tail)}});
}

void MeasureStation::handle(WorkerEvent& event, std::vector<StationEvent>& events) {
  if (std::holds_alternative<WorkerReady>(event)) {
    state_ = State::opening;
    (void)worker_->send(kernels::to_json(problem_), options_.open_limits);
  } else if (auto* reply = std::get_if<WorkerReply>(&event)) {
    handle_reply(*reply, events);
  } else {
    handle_end(std::get<WorkerEnded>(event), events);
  }
}

std::vector<StationEvent> MeasureStation::take_events() {
  std::vector<StationEvent> events;
  if (refused_) events.emplace_back(*std::exchange(refused_, std::nullopt));
  if (!worker_) return events;
  for (WorkerEvent& event : worker_->take_events()) {
    handle(event, events);
    if (!worker_) break;  // what came after its end is of no interest
  }
  return events;
}

}  // namespace moetune::daemon
