#include <algorithm>
#include <iterator>

#include "daemon/search/contest.hpp"
#include "daemon/search/heat_turns.hpp"
#include "daemon/search/heats.hpp"
#include "daemon/sweep/sweep_run.hpp"
#include "db/round_store.hpp"

namespace moetune::daemon {
namespace {

using schema::Result;
using search::TrialIndex;

}  // namespace

/// Rounds that an earlier run has stored are not measured again, but for those of a GPU that has gone.
Result<void> SweepRun::take_up_rounds(db::Snapshot& snapshot) {
  rounds_.clear();
  for (std::size_t i = 0; i < board_.trials().size(); ++i) {
    if (board_.is_finished({i})) continue;
    const auto& candidate = board_.trials()[i];
    const auto gpu = gpu_of({i});
    if (!gpu && !plan_.gpus.empty()) continue;  // whoever takes the batch over measures anew what is compared
    auto stored = db::rounds_of(snapshot, id(), {candidate.batch, candidate.config}, gpu);
    if (!stored) return std::unexpected(stored.error());
    if (stored->empty()) continue;
    board_.resume_after({i}, stored->size());
    rounds_[{i}].samples_us = std::move(*stored);
    // The row may come without another round: when all of its batch has had as many, or it is out.
    schema::Trial last = row_for({i}, schema::TrialStatus::ok);
    if (auto told = db::tell_last_round(snapshot, id(), last); !told) return told;
    rounds_[{i}].last = std::move(last);
  }
  return {};
}

/// Everybody is known who takes part.
void SweepRun::open_rounds() {
  if (!has_rounds()) return;
  board_.open_rounds();
  for (const auto& [batch, trials] : board_.unfinished_by_batch()) finish_what_is_clear(batch);
}

void SweepRun::finish_round(TrialIndex trial, schema::Trial row) {
  RoundsSoFar& so_far = rounds_[trial];
  const bool is_first = so_far.samples_us.empty();
  const double us = *row.latency_us;
  ledger_.add_round(row);
  so_far.samples_us.push_back(row.samples_us);
  if (is_first && !raced_) tell_race(row);
  note_latency(row.batch, us);
  note_anchor_row({row.batch, row.config}, row.status);
  const std::int64_t batch = row.batch;
  so_far.last = std::move(row);
  board_.had_round(trial);
  const bool is_out = plan_.order == search::Order::heats && is_first && !stays(trial) && !is_incumbent(trial) &&
                      search::is_out_of_heat(us, best_us_.at(batch));
  if (is_out) finish_after_rounds(trial);
  finish_what_is_clear(batch);
}

/// Looks at a batch whose candidates have all had the same number of rounds. The rows are committed together with the
/// last round: a daemon that dies before has that round to measure again and comes to the same look.
void SweepRun::finish_what_is_clear(std::int64_t batch) {
  if (plan_.order == search::Order::heats && race_ && !raced_) return;
  if (plan_.order == search::Order::heats) {
    const auto entry_of = [&](TrialIndex trial) {
      return search::heat_entry(rounds_[trial].samples_us, stays(trial), is_incumbent(trial));
    };
    const auto finished = search::finished_by_heat(board_, batch, entry_of, sweep_.spec.choice);
    for (const TrialIndex trial : finished) finish_after_rounds(trial);
    return;
  }
  const auto candidates = search::abreast(board_, batch);
  std::vector<std::vector<double>> medians_us;
  for (const TrialIndex trial : candidates)
    medians_us.push_back(search::heat_entry(rounds_[trial].samples_us, stays(trial)).rounds_us);
  if (search::needs_another_round(medians_us, *sweep_.spec.rounds)) return;
  for (const TrialIndex trial : candidates) finish_after_rounds(trial);
}

/// The row of a candidate that has had its rounds.
void SweepRun::finish_after_rounds(TrialIndex trial) {
  RoundsSoFar& so_far = rounds_[trial];
  schema::Trial row = so_far.last ? std::move(*so_far.last) : row_for(trial, schema::TrialStatus::ok);
  row.samples_us.clear();
  for (const auto& samples_us : so_far.samples_us) {
    row.rounds.push_back(std::ssize(samples_us));
    row.samples_us.insert(row.samples_us.end(), samples_us.begin(), samples_us.end());
  }
  if (row.rounds.size() < 2) row.rounds.clear();
  row.latency_us = schema::median(row.samples_us);
  rounds_.erase(trial);
  board_.finish(trial);
  ledger_.add_row_of_rounds(std::move(row));
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

/// Jobs by batch, as far as one can say: who has had a round is likely to go on to the first look.
std::map<std::int64_t, std::size_t> SweepRun::heats_to_come() const {
  std::map<std::int64_t, std::size_t> by_batch;
  for (std::size_t i = 0; i < board_.trials().size(); ++i) {
    if (!board_.is_admitted({i}) || board_.is_finished({i})) continue;
    const std::size_t had = board_.rounds_of({i});
    const bool goes_on = had > 0 || stays({i}) || is_incumbent({i});
    by_batch[board_.trials()[i].batch] += goes_on ? std::max(search::k_looks[0], had + 1) - had : 1;
  }
  if (race_) {
    for (const auto& [batch, more] : race_->expected_beyond_wanted()) by_batch[batch] += more;
  }
  return by_batch;
}

}  // namespace moetune::daemon
