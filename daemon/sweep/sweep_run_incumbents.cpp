#include <algorithm>

#include "daemon/deciding_sweep.hpp"
#include "daemon/file_in_force.hpp"
#include "daemon/sweep/sweep_run.hpp"

namespace moetune::daemon {

using schema::Result;
using search::TrialIndex;

/// What others have to beat goes on as long as they do.
bool SweepRun::stays(TrialIndex trial) const {
  const auto& candidate = board_.trials()[trial.value];
  const auto fallback = plan_.default_of_batch.find(candidate.batch);
  return fallback != plan_.default_of_batch.end() && fallback->second == candidate.config;
}

/// What was chosen before, or is in the file in force: whether it goes is for rounds in turns to say, not for one.
bool SweepRun::is_incumbent(TrialIndex trial) const {
  const auto& candidate = board_.trials()[trial.value];
  const auto found = incumbents_.find(candidate.batch);
  return found != incumbents_.end() && found->second.contains(candidate.config);
}

Result<void> SweepRun::find_incumbents(db::Snapshot& snapshot) {
  incumbents_.clear();
  if (plan_.order != search::Order::heats) return {};
  const auto chosen = chosen_of_group(snapshot, plan_.group);
  if (!chosen) return std::unexpected(chosen.error());
  const auto in_force = in_force_at(snapshot, plan_.group, board_.batches());
  if (!in_force) return std::unexpected(in_force.error());
  for (const auto* configs : {&*chosen, &*in_force}) {
    for (const auto& [batch, config] : *configs) incumbents_[batch].insert(config);
  }
  return {};
}

/// Whether a row that could be taken over waits until it is known if its batch has anything new: then the default and
/// the incumbents are measured in turns with that, since times of two sessions say little about each other.
bool SweepRun::keep_back(TrialIndex trial) {
  if (plan_.order != search::Order::heats || !(stays(trial) || is_incumbent(trial))) return false;
  if (board_.is_finished(trial) || rounds_.contains(trial)) return false;
  const auto& candidate = board_.trials()[trial.value];
  const auto row = reusable_.find({candidate.batch, candidate.config});
  if (row == reusable_.end()) return false;
  if (kept_back_.insert(trial).second) tell_race(row->second);
  return true;
}

/// Everybody is known who takes part.
void SweepRun::settle_kept_back() {
  std::set<std::int64_t> measured;
  for (std::size_t i = 0; i < board_.trials().size(); ++i) {
    const bool waits = board_.is_admitted({i}) && !board_.is_finished({i}) && !kept_back_.contains({i});
    if (waits) measured.insert(board_.trials()[i].batch);
  }
  for (const TrialIndex trial : std::exchange(kept_back_, {})) {
    if (!measured.contains(board_.trials()[trial.value].batch)) {
      take_over_earlier(trial);
    } else {
      board_.admit(trial);
      find_kernels(trial);
    }
  }
}

}  // namespace moetune::daemon
