#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "daemon/sweep/blame.hpp"
#include "daemon/sweep/sweep_run.hpp"

namespace moetune::daemon {
namespace {

using schema::TrialStatus;
using search::TrialIndex;
using search::Verdict;

}  // namespace

kernels::OpenProblem SweepRun::problem_for(std::size_t station) const {
  kernels::OpenProblem open;
  open.id = next_job_id();
  open.problem = sweep_.spec.problem;
  open.batches = plan_.resident;
  open.l2 = sweep_.spec.l2;
  open.routing = sweep_.spec.routing;
  open.expert_counts = plan_.expert_counts;
  open.seed = sweep_.spec.seed;
  if (plan_.recording) {
    open.recording = plan_.recording->string();
    open.recording_kernel = plan_.group.kernel;
  } else {
    open.gpu = plan_.gpus[station].index;
    open.step_artifact = *step_artifact_;
    open.alignment = plan_.alignment;
  }
  return open;
}

void SweepRun::open_stations() {
  if (!plan_.recording && !step_artifact_) return;
  const std::size_t count = plan_.recording ? 1 : plan_.gpus.size();
  while (stations_.size() < count) {
    MeasureStation station(context_.poller, context_.station, problem_for(stations_.size()));
    stations_.push_back({std::move(station), {}, false});
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (board_.has_work_for(i)) stations_[i].station.open();
  }
}

void SweepRun::submit(TrialIndex trial, bool alone) {
  const std::int64_t job = next_job_id();
  begun_.emplace(job, trial);
  note_owner(trial);
  const auto& candidate = board_.trials()[trial.value];
  db::NewAttempt attempt;
  attempt.kind = db::AttemptKind::measure;
  attempt.candidate = db::TrialKey{candidate.batch, candidate.config};
  attempt.alone = alone;
  ledger_.begin(job, std::move(attempt));
}

void SweepRun::send(TrialIndex trial, std::int64_t job) {
  const auto& candidate = board_.trials()[trial.value];
  kernels::MeasureJob request;
  request.id = job;
  request.batch = candidate.batch;
  request.config = candidate.config;
  if (const auto& needed = board_.kernels_of(trial); !needed.empty()) {
    request.gemm_1 = kernels_.at(needed.front());
    request.gemm_2 = kernels_.at(needed.back());
  }
  if (const auto best = best_us_.find(candidate.batch); best != best_us_.end()) request.best_us = best->second;
  if (has_rounds()) request.round = static_cast<std::int64_t>(board_.rounds_of(trial));
  request.quick = plan_.phase == schema::SweepPhase::scan;
  request.stages = !plan_.between;
  request.apart = request.quick && plan_.pairs;
  Station& station = stations_[*board_.worker_of(trial)];
  if (station.station.send(request)) {
    measuring_.emplace(job, trial);
    station.jobs.push_back(job);
  } else {
    ledger_.end(job, db::AttemptOutcome::interrupted, "the worker had gone");
    board_.put_back(trial);
  }
}

schema::Trial SweepRun::row_for(TrialIndex trial, TrialStatus status) const {
  const auto& candidate = board_.trials()[trial.value];
  schema::Trial row;
  row.group = plan_.group;
  row.arch = plan_.arch;
  row.batch = candidate.batch;
  row.config = candidate.config;
  row.status = status;
  row.measured_at = schema::now();
  row.tool_version = MOETUNE_VERSION;
  const auto worker = board_.worker_of(trial);
  if (worker && *worker < plan_.gpus.size()) {
    row.gpu_uuid = plan_.gpus[*worker].uuid;
    row.driver = plan_.gpus[*worker].driver;
  }
  return row;
}

void SweepRun::finish_trial(TrialIndex trial, schema::Trial row) {
  board_.finish(trial);
  // In heats only rows that are taken over come whole, and another session says nothing of who is behind.
  if (row.latency_us && plan_.order != search::Order::heats) note_latency(row.batch, *row.latency_us);
  note_anchor_row({row.batch, row.config}, row.status);
  tell_race(row);
  const std::int64_t batch = row.batch;
  ledger_.add_row(std::move(row));
  // The others of its batch may have waited for its round alone.
  if (has_rounds()) finish_what_is_clear(batch);
}

void SweepRun::note_latency(std::int64_t batch, double us) {
  const auto [best, first] = best_us_.try_emplace(batch, us);
  if (!first) best->second = std::min(best->second, us);
}

void SweepRun::take_station_events(std::size_t index) {
  for (StationEvent& event : stations_[index].station.take_events()) {
    if (auto* measured = std::get_if<MeasuredJob>(&event)) {
      accept_measured(index, *measured);
    } else if (const auto* down = std::get_if<StationDown>(&event)) {
      judge_station_down(index, down->ended);
    } else {
      const schema::Error& error = std::get<StationRefused>(event).error;
      // Memory that others hold, or a GPU that is lost, may come back.
      const bool may_pass = error.code == schema::ErrorCode::too_large || error.code == schema::ErrorCode::unavailable;
      if (may_pass) {
        get_stuck(error.message);
      } else {
        failure_ = error;
      }
    }
  }
}

void SweepRun::accept_measured(std::size_t index, MeasuredJob& measured) {
  Station& station = stations_[index];
  kernels::MeasureReply& reply = measured.reply;
  if (accept_anchor(index, reply)) return;
  const auto found = measuring_.find(reply.id);
  if (found == measuring_.end()) return;
  const TrialIndex trial = found->second;
  measuring_.erase(found);
  std::erase(station.jobs, reply.id);
  busy_seconds_ += reply.busy_us / 1e6;
  MeanSeconds& mean = trial_seconds_[board_.trials()[trial.value].batch];
  const double seconds = static_cast<double>(measured.elapsed.count()) / 1000;
  mean.sum += seconds;
  ++mean.count;
  board_.took(board_.trials()[trial.value].batch, seconds);

  if (reply.context_lost) {
    station.context_lost = true;
    ledger_.end(reply.id, db::AttemptOutcome::worker_failed, reply.log_tail);
    judge_measure_death(trial, reply.status, reply.log_tail);
    return;
  }
  ledger_.end(reply.id, db::AttemptOutcome::answered);
  if (reply.artifact_damaged) {
    board_.put_back(trial);
    for (const auto kernel : board_.kernels_of(trial)) {
      context_.cache.forget(kernels::ArtifactKey::of(*spec_of(kernel).parts));
      kernels_.erase(kernel);
      board_.lost(kernel);
    }
    return;
  }
  schema::Trial row = row_for(trial, reply.status);
  if (reply.status == TrialStatus::ok) {
    row.latency_us = schema::median(reply.samples_us);
    row.samples_us = std::move(reply.samples_us);
  }
  row.stages_us = std::move(reply.stages_us);
  row.sm_clock_mhz = reply.sm_clock_mhz;
  row.throttle = reply.throttle;
  if (!reply.log_tail.empty()) row.log_tail = reply.log_tail;
  if (has_rounds() && reply.status == TrialStatus::ok) {
    finish_round(trial, std::move(row));
  } else {
    finish_trial(trial, std::move(row));
  }
}

void SweepRun::judge_station_down(std::size_t index, const WorkerEnded& ended) {
  Station& station = stations_[index];
  const bool interruption = is_interruption(ended);
  spdlog::warn("measure worker {}{}", ended.explanation, interruption ? "; nobody is to blame" : "");
  lose_anchor(index);
  for (const std::int64_t job : std::exchange(station.jobs, {})) {
    const auto found = measuring_.find(job);
    if (found == measuring_.end()) continue;
    const TrialIndex trial = found->second;
    measuring_.erase(found);
    const bool begun = ended.during_job && ended.job == job && !station.context_lost;
    ledger_.end(job, begun ? outcome_of(ended) : db::AttemptOutcome::interrupted, ended.explanation);
    if (!begun) {
      board_.put_back(trial);
    } else if (!interruption) {
      const bool timeout = ended.killed == KillReason::timeout;
      judge_measure_death(trial, timeout ? TrialStatus::measure_timeout : TrialStatus::launch_error,
                          fmt::format("measure worker {}\n{}", ended.explanation, ended.log_tail));
    } else if (board_.interrupted(trial) == Verdict::stuck) {
      get_stuck(fmt::format("something kills the measure worker at {} again and again (out of memory?)",
                            short_text(board_.trials()[trial.value].config)));
    }
  }
  station.context_lost = false;
}

void SweepRun::judge_measure_death(TrialIndex trial, TrialStatus status, const std::string& explanation) {
  const auto& candidate = board_.trials()[trial.value];
  spdlog::warn("measuring {} at batch {} ended the worker: {}", short_text(candidate.config), candidate.batch,
               explanation);
  if (board_.died(trial) != Verdict::failed) return;
  schema::Trial row = row_for(trial, status);
  row.log_tail = explanation;
  finish_trial(trial, std::move(row));
}

}  // namespace moetune::daemon
