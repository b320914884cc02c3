#include <algorithm>
#include <utility>

#include "daemon/sweep/gemm_times.hpp"
#include "daemon/sweep/sweep_run.hpp"
#include "db/trial_store.hpp"
#include "kernels/sample_plan.hpp"

namespace moetune::daemon {
namespace {

using schema::Result;
using search::RaceOutcome;
using search::TrialIndex;

RaceOutcome outcome_of(schema::TrialStatus status, double latency_us, const std::map<std::string, double>& stages_us) {
  if (status != schema::TrialStatus::ok) {
    return {.out_of_resources = status == schema::TrialStatus::out_of_resources};
  }
  const GemmTimes apart = gemm_times(stages_us);
  return {.latency_us = latency_us, .gemm_1_us = apart.gemm_1_us, .gemm_2_us = apart.gemm_2_us};
}

/// What a race goes by: the rounds that follow come when it is over, or were those of an earlier sweep.
double first_round_us(const std::vector<double>& samples_us) {
  const auto count = std::min<std::ptrdiff_t>(std::ssize(samples_us), kernels::k_samples_of_job);
  return schema::median({samples_us.begin(), samples_us.begin() + count});
}

}  // namespace

/// A race that is told what earlier runs of the sweep have measured wants what they wanted, and goes on after it.
Result<void> SweepRun::begin_race(db::Snapshot& snapshot) {
  const auto rows = db::scanned_rows(snapshot, id(), plan_.phase);
  if (!rows) return std::unexpected(rows.error());
  race_.emplace(plan_.candidates, plan_.default_of_batch, plan_.seeded.seeds, plan_.pairs);
  for (const db::ScannedRow& row : *rows) {
    double us = row.latency_us;
    if (has_rounds() && row.status == schema::TrialStatus::ok) {
      const auto samples = db::samples_of(snapshot, id(), row.key, row.gpu_uuid);
      if (!samples) return std::unexpected(samples.error());
      us = first_round_us(*samples);
    }
    race_->tell({row.key.batch, row.key.config}, outcome_of(row.status, us, row.stages_us));
  }
  for (const auto& [trial, so_far] : rounds_) {
    const auto us = schema::median(so_far.samples_us.front());
    race_->tell(board_.trials()[trial.value], outcome_of(schema::TrialStatus::ok, us, {}));
  }
  return {};
}

void SweepRun::tell_race(const schema::Trial& row) {
  if (!race_) return;
  const bool of_rounds = has_rounds() && !row.samples_us.empty();
  const double us = of_rounds ? first_round_us(row.samples_us) : row.latency_us.value_or(0);
  race_->tell({row.batch, row.config}, outcome_of(row.status, us, row.stages_us));
}

/// Admits what the race wants now. What is known of a candidate already may at once lead to others. Until the race is
/// over the sweep's total counts what is likely to come, so that progress does not run back and forth.
void SweepRun::advance_race() {
  if (!race_ || raced_) return;
  for (auto wanted = race_->take_wanted(); !wanted.empty(); wanted = race_->take_wanted()) {
    for (const search::Candidate& candidate : wanted) admit(*board_.find_trial(candidate));
  }
  auto total = static_cast<std::int64_t>(board_.admitted() + kept_back_.size());
  const auto expected = race_->expected_beyond_wanted();
  for (const auto& [batch, more] : expected) total += static_cast<std::int64_t>(more);
  board_.expect(expected);
  if (std::exchange(raced_total_, total) != total) ledger_.set_total(total);
  raced_ = race_->done();
  if (!raced_) return;
  settle_kept_back();
  open_rounds();
}

void SweepRun::admit(TrialIndex trial) {
  if (keep_back(trial)) return;
  board_.admit(trial);
  if (!board_.is_finished(trial) && !take_over_earlier(trial)) find_kernels(trial);
}

/// Of one that was admitted while others were under way.
void SweepRun::find_kernels(TrialIndex trial) {
  for (const auto kernel : board_.kernels_of(trial)) {
    look_up(kernel);
    if (board_.is_finished(trial)) return;
    if (const auto failed = failed_kernels_.find(kernel); failed != failed_kernels_.end()) {
      finish_without_kernel(trial, failed->second);
      return;
    }
  }
}

/// By batch, as far as one can say.
std::map<std::int64_t, std::size_t> SweepRun::trials_to_come() const {
  if (plan_.order == search::Order::rounds) return rounds_to_come();
  if (plan_.order == search::Order::heats) return heats_to_come();
  auto trials = board_.unfinished_by_batch();
  if (race_) {
    for (const auto& [batch, more] : race_->expected_beyond_wanted()) trials[batch] += more;
  }
  return trials;
}

std::size_t SweepRun::kernels_to_come() const {
  const std::size_t wanted = board_.kernels_to_compile();
  if (!race_ || race_->done()) return wanted;
  const auto expected = static_cast<std::size_t>(search::k_raced_kernels * static_cast<double>(board_.kernels()));
  const std::size_t settled = kernels_.size() + failed_kernels_.size();
  return std::max(wanted, expected > settled ? expected - settled : 0);
}

}  // namespace moetune::daemon
