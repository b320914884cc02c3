#include <algorithm>

#include "daemon/search/contest.hpp"
#include "daemon/sweep/sweep_run.hpp"
#include "db/round_store.hpp"

namespace moetune::daemon {
namespace {

using schema::Result;
using search::TrialIndex;

std::vector<double> medians_of(const std::vector<std::vector<double>>& rounds) {
  std::vector<double> medians;
  for (const auto& samples_us : rounds) medians.push_back(schema::median(samples_us));
  return medians;
}

}  // namespace

/// Rounds that an earlier run has stored are not measured again.
Result<void> SweepRun::take_up_rounds(db::Snapshot& snapshot) {
  rounds_.clear();
  for (std::size_t i = 0; i < board_.trials().size(); ++i) {
    if (board_.is_finished({i})) continue;
    const auto& candidate = board_.trials()[i];
    auto stored = db::rounds_of(snapshot, id(), {candidate.batch, candidate.config});
    if (!stored) return std::unexpected(stored.error());
    if (stored->empty()) continue;
    board_.resume_after({i}, stored->size());
    rounds_[{i}].samples_us = std::move(*stored);
  }
  return {};
}

void SweepRun::finish_round(TrialIndex trial, schema::Trial row) {
  RoundsSoFar& so_far = rounds_[trial];
  ledger_.add_round({row.batch, row.config}, row.samples_us);
  so_far.samples_us.push_back(row.samples_us);
  so_far.last = std::move(row);
  board_.had_round(trial);
  finish_batch_if_clear(board_.trials()[trial.value].batch);
}

/// Looks at a batch whose candidates have all had the same number of rounds. The rows are committed together with the
/// last round: a daemon that dies before has that round to measure again and comes to the same look.
void SweepRun::finish_batch_if_clear(std::int64_t batch) {
  const auto candidates = board_.unfinished_of_batch(batch);
  std::vector<std::vector<double>> medians_us;
  for (const TrialIndex trial : candidates) {
    if (board_.is_in_flight(trial) || board_.rounds_of(trial) != board_.rounds_of(candidates.front())) return;
    medians_us.push_back(medians_of(rounds_[trial].samples_us));
  }
  if (search::needs_another_round(medians_us, *sweep_.spec.rounds)) return;
  for (const TrialIndex trial : candidates) {
    RoundsSoFar& so_far = rounds_[trial];
    schema::Trial row = so_far.last ? std::move(*so_far.last) : row_for(trial, schema::TrialStatus::ok);
    row.samples_us.clear();
    for (const auto& samples_us : so_far.samples_us) {
      row.samples_us.insert(row.samples_us.end(), samples_us.begin(), samples_us.end());
    }
    row.latency_us = schema::median(row.samples_us);
    rounds_.erase(trial);
    board_.finish(trial);
    ledger_.add_row_of_rounds(std::move(row));
  }
}

/// As far as one can say: no batch needs more than the least.
std::map<std::int64_t, std::size_t> SweepRun::rounds_to_come() const {
  std::map<std::int64_t, std::size_t> by_batch;
  const auto least = static_cast<std::size_t>(sweep_.spec.rounds->least);
  const auto most = static_cast<std::size_t>(sweep_.spec.rounds->most);
  for (std::size_t i = 0; i < board_.trials().size(); ++i) {
    if (board_.is_finished({i})) continue;
    const std::size_t had = board_.rounds_of({i});
    by_batch[board_.trials()[i].batch] += had < least ? least - had : most - std::min(had, most - 1);
  }
  return by_batch;
}

}  // namespace moetune::daemon
