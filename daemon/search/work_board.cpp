#include "daemon/search/work_board.hpp"

#include <algorithm>
#include <map>

namespace moetune::daemon::search {

WorkBoard::WorkBoard(std::vector<Candidate> plan, std::size_t workers, Kernels kernels)
    : trials_(std::move(plan)),
      finished_(trials_.size(), false),
      flying_(trials_.size(), false),
      trial_suspicion_(trials_.size()),
      to_measure_(std::max<std::size_t>(workers, 1)),
      unfinished_(trials_.size()) {
  std::map<schema::TileConfig, TileIndex> known;
  std::set<std::int64_t> distinct;
  for (const Candidate& candidate : trials_) {
    const auto tile = without_group(candidate.config);
    const auto [found, added] = known.try_emplace(tile, TileIndex{tiles_.size()});
    if (added) {
      tiles_.push_back(tile);
      tile_states_.emplace_back();
    }
    Tile& state = tile_states_[found->second.value];
    state.trials.push_back({tile_of_.size()});
    ++state.unfinished;
    tile_of_.push_back(found->second);
    distinct.insert(candidate.batch);
  }
  tile_suspicion_.resize(tiles_.size());

  const std::vector<std::int64_t> batches(distinct.begin(), distinct.end());
  const auto shares = share_out(batches, to_measure_.size());
  std::map<std::int64_t, std::size_t> worker_of_batch;
  for (std::size_t i = 0; i < batches.size(); ++i) worker_of_batch[batches[i]] = shares[i];
  unfinished_of_.resize(to_measure_.size());
  for (const Candidate& candidate : trials_) {
    worker_of_.push_back(worker_of_batch[candidate.batch]);
    ++unfinished_of_[worker_of_.back()];
  }

  for (std::size_t i = 0; i < tiles_.size(); ++i) {
    if (kernels == Kernels::none) {
      ready({i});
    } else {
      to_compile_.insert({i});
    }
  }
}

std::optional<TrialIndex> WorkBoard::find_trial(const Candidate& candidate) const {
  const auto tile = find_tile(candidate.config);
  if (!tile) return std::nullopt;
  for (const TrialIndex trial : tile_states_[tile->value].trials) {
    if (trials_[trial.value] == candidate) return trial;
  }
  return std::nullopt;
}

std::optional<TileIndex> WorkBoard::find_tile(const schema::TileConfig& config) const {
  const auto found = std::ranges::find(tiles_, without_group(config));
  if (found == tiles_.end()) return std::nullopt;
  return TileIndex{static_cast<std::size_t>(found - tiles_.begin())};
}

std::vector<std::int64_t> WorkBoard::batches_of(std::size_t worker) const {
  std::set<std::int64_t> batches;
  for (std::size_t i = 0; i < trials_.size(); ++i) {
    if (worker_of_[i] == worker) batches.insert(trials_[i].batch);
  }
  return {batches.begin(), batches.end()};
}

WorkBoard::Suspicion& WorkBoard::suspicion_of(WorkItem item) {
  if (const auto* tile = std::get_if<TileIndex>(&item)) return tile_suspicion_[tile->value];
  return trial_suspicion_[std::get<TrialIndex>(item).value];
}

bool WorkBoard::needed(WorkItem item) const {
  if (const auto* tile = std::get_if<TileIndex>(&item)) return tile_states_[tile->value].unfinished > 0;
  return !finished_[std::get<TrialIndex>(item).value];
}

void WorkBoard::enqueue(TrialIndex trial) {
  if (finished_[trial.value] || flying_[trial.value] || trial_suspicion_[trial.value].is_suspect) return;
  to_measure_[worker_of_[trial.value]].insert(trial);
}

void WorkBoard::leave_flight(WorkItem item) {
  if (in_flight_ > 0) --in_flight_;
  if (alone_ == item) alone_.reset();
}

void WorkBoard::finish(TrialIndex trial) {
  if (finished_[trial.value]) return;
  if (flying_[trial.value]) {
    flying_[trial.value] = false;
    leave_flight(trial);
  }
  finished_[trial.value] = true;
  --unfinished_;
  --unfinished_of_[worker_of_[trial.value]];
  to_measure_[worker_of_[trial.value]].erase(trial);
  Tile& tile = tile_states_[tile_of_[trial.value].value];
  if (--tile.unfinished == 0) to_compile_.erase(tile_of_[trial.value]);
}

void WorkBoard::ready(TileIndex index) {
  Tile& tile = tile_states_[index.value];
  if (tile.state == TileState::compiling) leave_flight(index);
  to_compile_.erase(index);
  tile.state = TileState::ready;
  for (const TrialIndex trial : tile.trials) enqueue(trial);
}

std::vector<TrialIndex> WorkBoard::fail(TileIndex index) {
  Tile& tile = tile_states_[index.value];
  if (tile.state == TileState::compiling) leave_flight(index);
  to_compile_.erase(index);
  tile.state = TileState::failed;
  std::vector<TrialIndex> failed;
  for (const TrialIndex trial : tile.trials) {
    if (!finished_[trial.value]) failed.push_back(trial);
  }
  for (const TrialIndex trial : failed) finish(trial);
  return failed;
}

void WorkBoard::lost(TileIndex index) {
  Tile& tile = tile_states_[index.value];
  if (tile.state != TileState::ready) return;
  tile.state = TileState::waiting;
  for (const TrialIndex trial : tile.trials) to_measure_[worker_of_[trial.value]].erase(trial);
  if (tile.unfinished > 0) to_compile_.insert(index);
}

void WorkBoard::suspect(WorkItem item) {
  Suspicion& suspicion = suspicion_of(item);
  if (suspicion.is_suspect || !needed(item)) return;
  if (const auto* tile = std::get_if<TileIndex>(&item)) {
    if (tile_states_[tile->value].state == TileState::ready) return;
    to_compile_.erase(*tile);
  } else {
    const auto trial = std::get<TrialIndex>(item);
    to_measure_[worker_of_[trial.value]].erase(trial);
  }
  suspicion.is_suspect = true;
  suspects_.push_back(item);
}

std::optional<TileIndex> WorkBoard::next_compile() {
  if (alone_ || to_compile_.empty()) return std::nullopt;
  const TileIndex tile = *to_compile_.begin();
  to_compile_.erase(to_compile_.begin());
  tile_states_[tile.value].state = TileState::compiling;
  ++in_flight_;
  return tile;
}

std::optional<TrialIndex> WorkBoard::next_trial(std::size_t worker) {
  auto& queue = to_measure_[worker];
  if (alone_ || queue.empty()) return std::nullopt;
  const TrialIndex trial = *queue.begin();
  queue.erase(queue.begin());
  flying_[trial.value] = true;
  ++in_flight_;
  return trial;
}

std::optional<WorkItem> WorkBoard::next_suspect() {
  if (in_flight_ > 0 || !to_compile_.empty()) return std::nullopt;
  for (const auto& queue : to_measure_) {
    if (!queue.empty()) return std::nullopt;
  }
  for (std::size_t tries = suspects_.size(); tries > 0; --tries) {
    const WorkItem item = suspects_.front();
    suspects_.pop_front();
    if (!needed(item)) continue;
    if (const auto* tile = std::get_if<TileIndex>(&item)) {
      tile_states_[tile->value].state = TileState::compiling;
    } else {
      const auto trial = std::get<TrialIndex>(item);
      if (tile_states_[tile_of_[trial.value].value].state != TileState::ready) {
        suspects_.push_back(item);  // its kernel is a suspect too and comes first
        continue;
      }
      flying_[trial.value] = true;
    }
    alone_ = item;
    ++in_flight_;
    return item;
  }
  return std::nullopt;
}

void WorkBoard::put_back(WorkItem item) {
  leave_flight(item);
  const bool is_suspect = suspicion_of(item).is_suspect;
  if (const auto* tile = std::get_if<TileIndex>(&item)) {
    tile_states_[tile->value].state = TileState::waiting;
    if (!is_suspect && needed(item)) to_compile_.insert(*tile);
  } else {
    const auto trial = std::get<TrialIndex>(item);
    flying_[trial.value] = false;
    if (tile_states_[tile_of_[trial.value].value].state == TileState::ready) enqueue(trial);
  }
  if (is_suspect) suspects_.push_front(item);
}

Verdict WorkBoard::interrupted(WorkItem item) {
  put_back(item);
  return ++suspicion_of(item).interruptions >= k_max_interruptions ? Verdict::stuck : Verdict::retry;
}

Verdict WorkBoard::died(WorkItem item) {
  Suspicion& suspicion = suspicion_of(item);
  const bool was_alone = alone_ == item;
  if (was_alone && ++suspicion.failures_alone >= k_failures_alone) return Verdict::failed;
  put_back(item);
  suspect(item);
  return Verdict::retry_alone;
}

bool WorkBoard::needs_kernel(TileIndex index) const {
  const Tile& tile = tile_states_[index.value];
  return tile.unfinished > 0 && (tile.state == TileState::waiting || tile.state == TileState::compiling);
}

std::map<std::int64_t, std::size_t> WorkBoard::unfinished_by_batch() const {
  std::map<std::int64_t, std::size_t> counts;
  for (std::size_t i = 0; i < trials_.size(); ++i) {
    if (!finished_[i]) ++counts[trials_[i].batch];
  }
  return counts;
}

std::size_t WorkBoard::tiles_to_compile() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < tiles_.size(); ++i) count += needs_kernel({i}) ? 1 : 0;
  return count;
}

}  // namespace moetune::daemon::search
