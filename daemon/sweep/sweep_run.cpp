#include "daemon/sweep/sweep_run.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "daemon/search/between.hpp"
#include "daemon/search/finalists.hpp"
#include "db/database.hpp"

namespace moetune::daemon {
namespace {

constexpr auto k_commit_pause = std::chrono::seconds(1);

/// What a trial of the nearest batch takes that is known.
std::optional<double> nearest_seconds(const std::map<std::int64_t, double>& by_batch, std::int64_t batch) {
  if (by_batch.empty()) return std::nullopt;
  const auto distance = [&](const auto& entry) { return std::abs(entry.first - batch); };
  return std::ranges::min_element(by_batch, {}, distance)->second;
}

}  // namespace

std::int64_t SweepRun::next_job_id() {
  // One sequence for the whole daemon: an answer that comes late can never be taken for another job's.
  static std::atomic<std::int64_t> last = 0;
  return ++last;
}

void SweepRun::step(Dispatch dispatch) {
  take_compile_outcomes(context_.crew);
  if (&context_.step_crew != &context_.crew) take_compile_outcomes(context_.step_crew);
  for (std::size_t i = 0; i < stations_.size(); ++i) take_station_events(i);
  advance_race();
  const bool able = !failure_ && !stuck_ && std::chrono::steady_clock::now() >= retry_commit_at_;
  if (dispatch == Dispatch::yes && able) {
    submit_step();
    open_stations();
    dispatch_work();
  }
  if (!commit()) return;
  for (const auto& [job, item] : std::exchange(begun_, {})) {
    std::visit([&, id = job](auto index) { send(index, id); }, item);
  }
}

void SweepRun::dispatch_work() {
  // What has begun in this step is sent at its end.
  const std::size_t taken = &context_.step_crew == &context_.crew ? begun_.size() : 0;
  for (std::size_t free = context_.crew.free_slots(); free > taken; --free) {
    const auto kernel = board_.next_compile();
    if (!kernel) break;
    submit(*kernel, false);
  }
  dispatch_anchors();
  for (std::size_t i = 0; i < stations_.size(); ++i) {
    if (is_held(i)) continue;
    for (std::size_t room = stations_[i].station.room(); room > 0; --room) {
      const auto trial = board_.next_trial(i);
      if (!trial) break;
      submit(*trial, false);
    }
  }
  dispatch_suspect();
}

void SweepRun::dispatch_suspect() {
  for (std::size_t i = 0; i < stations_.size(); ++i) {
    if (is_held(i) || (board_.has_work_for(i) && stations_[i].station.room() == 0)) return;
  }
  if (!anchoring_.empty()) return;
  if (stations_.empty() || (plan_.compiles && context_.crew.free_slots() == 0)) return;
  const auto item = board_.next_suspect();
  if (item) std::visit([&](auto index) { submit(index, true); }, *item);
}

void SweepRun::put_back(const Begun& begun) {
  if (const auto* kernel = std::get_if<search::KernelIndex>(&begun)) {
    board_.put_back(*kernel);
  } else if (const auto* trial = std::get_if<search::TrialIndex>(&begun)) {
    board_.put_back(*trial);
  } else {
    step_job_.reset();
  }
}

bool SweepRun::commit() {
  const auto now = std::chrono::steady_clock::now();
  if (!ledger_.anything_to_write()) return true;
  if (now < retry_commit_at_) return false;
  auto rows = ledger_.commit(context_.database);
  if (!rows) {
    spdlog::error("sweep {} waits, its rows cannot be stored: {}", id(), rows.error().message);
    for (const auto& [job, item] : std::exchange(begun_, {})) put_back(item);
    retry_commit_at_ = now + k_commit_pause;
    trouble_ = rows.error().message;
    return false;
  }
  trouble_.clear();
  if (context_.hub.has_subscribers(id())) {
    for (schema::Trial& row : *rows) {
      row.sweep = sweep_.label;
      context_.hub.publish(id(), {"trial", schema::to_json(row).dump()});
    }
  }
  return true;
}

std::optional<double> SweepRun::eta() const {
  std::map<std::int64_t, double> seconds_per_trial;
  for (const auto& [batch, mean] : trial_seconds_)
    seconds_per_trial[batch] = mean.sum / static_cast<double>(mean.count);
  auto trials = trials_to_come();
  std::size_t compiles = kernels_to_come();
  if (plan_.phase == schema::SweepPhase::scan) {
    auto finalists = plan_.pairs ? search::k_expected_pairs : search::k_expected_finalists;
    if (race_) finalists = search::race_finalists(plan_.pairs).at_most;
    for (const auto& [batch, config] : plan_.default_of_batch) trials[batch] += finalists;
    // Nothing had to be compiled so far: then the finalists' kernels are in the cache too, as far as one can say.
    if (seconds_per_compile_) compiles += plan_.default_of_batch.size() * search::k_expected_finalist_kernels;
  }
  if (looks_between(sweep_.spec) && !plan_.between) {
    for (const auto batch : search::points_between(sweep_.spec.batches)) {
      trials[batch] += search::k_expected_jobs_between;
      if (const auto known = nearest_seconds(seconds_per_trial, batch)) seconds_per_trial[batch] = *known;
    }
  }
  return search::eta_seconds({.trials = trials,
                              .seconds_per_trial = seconds_per_trial,
                              .measure_workers = std::max<std::size_t>(stations_.size(), 1),
                              .compiles = compiles,
                              .seconds_per_compile = seconds_per_compile_,
                              .compile_slots = context_.crew.slots()});
}

void SweepRun::abandon() {
  for (Station& station : stations_) station.station.close();
  context_.crew.dismiss();
  context_.step_crew.dismiss();
  for (const auto& [job, kernel] : std::exchange(compiling_, {})) {
    ledger_.end(job, db::AttemptOutcome::interrupted);
    board_.put_back(kernel);
  }
  anchoring_.clear();
  for (const auto& [job, trial] : std::exchange(measuring_, {})) {
    ledger_.end(job, db::AttemptOutcome::interrupted);
    board_.put_back(trial);
  }
  if (step_job_) ledger_.end(*std::exchange(step_job_, std::nullopt), db::AttemptOutcome::interrupted);
  retry_commit_at_ = {};
  commit();
}

}  // namespace moetune::daemon
