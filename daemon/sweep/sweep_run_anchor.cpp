#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>

#include "daemon/sweep/gpu_view.hpp"
#include "daemon/sweep/sweep_run.hpp"

namespace moetune::daemon {
namespace {

using schema::Result;
using schema::TrialStatus;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t k_opening_jobs = 3;

/// Test-only: MOETUNE_TEST_ANCHOR_EVERY_MS makes the looks come sooner.
search::AnchorRule anchor_rule() {
  search::AnchorRule rule;
  const char* text = std::getenv("MOETUNE_TEST_ANCHOR_EVERY_MS");
  const auto every = schema::integer_from_text("interval", text == nullptr ? "" : text, 1, 1'000'000);
  if (every) rule.every_s = static_cast<double>(*every) / 1000;
  return rule;
}

}  // namespace

double SweepRun::seconds() const {
  return std::chrono::duration<double>(SteadyClock::now() - began_).count();
}

/// The anchors are the engine's defaults of the lightest and the heaviest batch. Where there are several GPUs each
/// measures both of them several times at the sweep's begin, so that they can be compared; else the
/// heavy one, which is dear, is measured once, and in a scan not at all.
Result<void> SweepRun::begin_anchors(db::Snapshot& snapshot) {
  anchors_.clear();
  anchor_ready_.clear();
  anchoring_.clear();
  opening_times_.clear();
  if (plan_.recording || plan_.default_of_batch.empty()) return {};
  const std::int64_t light = plan_.default_of_batch.begin()->first;
  const std::int64_t heavy = plan_.default_of_batch.rbegin()->first;
  const std::vector<std::int64_t> both = light == heavy ? std::vector{light} : std::vector{light, heavy};
  const bool scans = plan_.phase == schema::SweepPhase::scan;
  std::vector<std::int64_t> opening(k_opening_jobs, light);
  const auto known = db::anchor_readings(snapshot, id());
  if (!known) return std::unexpected(known.error());
  // A begin that was cut off is taken again.
  const bool compared =
      std::ranges::any_of(*known, [&](const db::AnchorRow& row) { return !row.opening || row.phase != plan_.phase; });
  compares_gpus_ = plan_.gpus.size() > 1 && !compared;
  if (compares_gpus_) {
    opening.insert(opening.end(), k_opening_jobs, heavy);
  } else if (!scans) {
    opening.push_back(heavy);
  }
  const auto later = scans ? std::vector{light} : both;
  anchors_.assign(plan_.gpus.size(), search::Anchor(opening, later, anchor_rule()));
  const auto rows = db::scanned_rows(snapshot, id(), plan_.phase);
  if (!rows) return std::unexpected(rows.error());
  for (const db::ScannedRow& row : *rows) note_anchor_row({row.key.batch, row.key.config}, row.status);
  began_ = SteadyClock::now();
  return {};
}

/// Only what has run is an anchor: a job of it that ends a worker says nothing about a candidate.
void SweepRun::note_anchor_row(const search::Candidate& candidate, TrialStatus status) {
  const auto found = plan_.default_of_batch.find(candidate.batch);
  if (found == plan_.default_of_batch.end() || found->second != candidate.config) return;
  if (status == TrialStatus::ok) anchor_ready_.insert(candidate.batch);
}

/// The job, when all that it needs is there.
std::optional<kernels::MeasureJob> SweepRun::anchor_job(std::int64_t batch) {
  const auto trial = board_.find_trial({batch, plan_.default_of_batch.at(batch)});
  if (!trial) return std::nullopt;
  kernels::MeasureJob job;
  job.id = next_job_id();
  job.batch = batch;
  job.config = plan_.default_of_batch.at(batch);
  job.anchor = true;
  job.stages = false;
  job.round = 0;  // rested also in a scan, whose heat would look like a change
  std::vector<std::string> files;
  for (const auto kernel : board_.kernels_of(*trial)) {
    if (!kernels_.contains(kernel)) {
      // One that nothing else waits for was not looked up.
      const auto& parts = spec_of(kernel).parts;
      const auto cached = parts ? context_.cache.lookup(kernels::ArtifactKey::of(*parts)) : std::nullopt;
      if (!cached || cached->info.status != TrialStatus::ok) return std::nullopt;
      kernels_[kernel] = cached->path;
    }
    files.push_back(kernels_.at(kernel));
  }
  if (files.empty()) return std::nullopt;
  job.gemm_1 = files.front();
  job.gemm_2 = files.back();
  return job;
}

void SweepRun::dispatch_anchors() {
  if (board_.trying_alone()) return;
  for (std::size_t i = 0; i < std::min(anchors_.size(), stations_.size()); ++i) {
    if (board_.done() && plan_.phase != schema::SweepPhase::scan) anchors_[i].close(seconds());
    const auto batch = anchors_[i].due(seconds());
    if (!batch || stations_[i].station.room() == 0) continue;
    if (!anchor_ready_.contains(*batch)) {
      const auto trial = board_.find_trial({*batch, plan_.default_of_batch.at(*batch)});
      if (!trial || board_.is_finished(*trial)) anchors_[i].skip(*batch);
      continue;
    }
    const auto job = anchor_job(*batch);
    if (!job) anchors_[i].lost();
    if (!job || !stations_[i].station.send(*job)) continue;
    anchoring_[job->id] = {i, *batch};
    anchors_[i].sent();
  }
}

bool SweepRun::is_held(std::size_t station) const {
  return station < anchors_.size() && anchors_[station].holds();
}

/// Whether the last looks of the phase have been taken. A worker that is not there takes none.
bool SweepRun::anchors_done() const {
  if (!anchoring_.empty()) return false;
  for (std::size_t i = 0; i < std::min(anchors_.size(), stations_.size()); ++i) {
    const auto due = anchors_[i].due(seconds());
    const bool can = due && anchor_ready_.contains(*due) && stations_[i].station.room() > 0;
    if (can && anchors_[i].open(seconds())) return false;
  }
  return true;
}

/// Takes in the answer to an anchor's job. Returns whether it was one.
bool SweepRun::accept_anchor(std::size_t index, const kernels::MeasureReply& reply) {
  const auto found = anchoring_.find(reply.id);
  if (found == anchoring_.end()) return false;
  const std::int64_t batch = found->second.batch;
  anchoring_.erase(found);
  busy_seconds_ += reply.busy_us / 1e6;
  search::Anchor& anchor = anchors_[index];
  if (reply.context_lost) stations_[index].context_lost = true;
  if (reply.status != TrialStatus::ok || reply.samples_us.empty()) {
    spdlog::warn("sweep {}: the anchor at batch {} failed on GPU {}: {}", id(), batch, plan_.gpus[index].index,
                 reply.log_tail);
    anchor.lost();
    return true;
  }
  const bool was_held = anchor.holds();
  const bool opening = anchor.opens();
  const std::string throttle = reply.throttle.value_or("");
  const auto state = anchor.tell({batch, reply.samples_us, reply.sm_clock_mhz, throttle}, seconds());
  ledger_.add_anchor({.phase = plan_.phase,
                      .boot_id = context_.boot_id,
                      .gpu = plan_.gpus[index].index,
                      .gpu_uuid = plan_.gpus[index].uuid,
                      .opening = opening,
                      .batch = batch,
                      .config = plan_.default_of_batch.at(batch),
                      .taken_at = schema::now(),
                      .samples_us = reply.samples_us,
                      .sm_clock_mhz = reply.sm_clock_mhz,
                      .throttle = throttle,
                      .state = std::string(name_of(state)),
                      .change = anchor.change()});
  if (opening) {
    opening_times_[index][batch].push_back(schema::median(reply.samples_us));
    if (compares_gpus_ && !anchor.opens()) compare_with_first(index);
  }
  if (state != search::AnchorState::good) {
    spdlog::warn("sweep {}: GPU {} is {}: its anchor at batch {} takes {:+.1f} % of what it took at the begin{}{}",
                 id(), plan_.gpus[index].index, name_of(state), batch, 100 * anchor.change(),
                 throttle.empty() ? "" : ", " + throttle, anchor.holds() ? "; it is looked at again" : "");
  } else if (was_held) {
    spdlog::info("sweep {}: GPU {} is as it was at the begin; it goes on", id(), plan_.gpus[index].index);
  }
  return true;
}

/// Says so when two GPUs differ in speed; `index` has had the last of its opening readings.
void SweepRun::compare_with_first(std::size_t index) const {
  const auto first = opening_times_.find(0);
  if (first == opening_times_.end() || anchors_.front().opens()) return;
  for (const auto& [other, times] : opening_times_) {
    if ((index != 0 && other != index) || anchors_[other].opens()) continue;
    const auto slower = search::slower_by(first->second, times);
    if (!slower) continue;
    spdlog::warn("sweep {}: {}", id(), slower_text(plan_.gpus[other].index, plan_.gpus.front().index, *slower));
  }
}

/// The worker has gone, and nobody is to blame.
void SweepRun::lose_anchor(std::size_t index) {
  std::erase_if(anchoring_, [&](const auto& entry) {
    if (entry.second.station != index) return false;
    anchors_[index].lost();
    return true;
  });
}

/// What holds the sweep up at the moment, for people; empty when nothing does.
std::string SweepRun::anchor_trouble() const {
  for (std::size_t i = 0; i < anchors_.size(); ++i) {
    if (!anchors_[i].holds()) continue;
    return fmt::format("waits for GPU {}, which is {}: what took 100 us at the begin takes {:.1f} us",
                       plan_.gpus[i].index, name_of(anchors_[i].state()), 100 * (1 + anchors_[i].change()));
  }
  return "";
}

}  // namespace moetune::daemon
