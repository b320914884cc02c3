#include "daemon/search/heat_turns.hpp"

#include <algorithm>

namespace moetune::daemon::search {

std::vector<TrialIndex> abreast(const WorkBoard& board, std::int64_t batch) {
  auto candidates = board.unfinished_of_batch(batch);
  const bool all = std::ranges::all_of(candidates, [&](TrialIndex trial) {
    const std::size_t rounds = board.rounds_of(trial);
    return rounds > 0 && rounds == board.rounds_of(candidates.front()) && !board.is_in_flight(trial);
  });
  if (!all) candidates.clear();
  return candidates;
}

std::vector<TrialIndex> finished_by_heat(const WorkBoard& board, std::int64_t batch,
                                         const std::function<HeatEntry(TrialIndex)>& entry_of,
                                         const schema::ChoiceRule& rule) {
  auto candidates = abreast(board, batch);
  if (candidates.empty()) return {};
  std::vector<HeatEntry> entries;
  for (const TrialIndex trial : candidates) entries.push_back(entry_of(trial));
  const HeatVerdict verdict = judge_heat(entries, rule);
  if (verdict.over) return candidates;
  std::vector<TrialIndex> out;
  for (const std::size_t place : verdict.out) out.push_back(candidates[place]);
  return out;
}

}  // namespace moetune::daemon::search
