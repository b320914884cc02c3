#include "daemon/search/batch_ranks.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace moetune::daemon::search {

BatchRanks ranks_by_time(const std::map<std::int64_t, double>& time) {
  std::vector<std::pair<double, std::int64_t>> order;
  for (const auto& [batch, spent] : time) {
    if (spent > 0) order.emplace_back(-spent, batch);
  }
  std::ranges::sort(order);
  BatchRanks ranks;
  for (const auto& [spent, batch] : order) ranks.emplace(batch, ranks.size());
  return ranks;
}

std::size_t rank_of(const BatchRanks& ranks, std::int64_t batch) {
  const auto found = ranks.find(batch);
  return found == ranks.end() ? ranks.size() : found->second;
}

std::vector<Candidate> heaviest_first(const std::vector<Candidate>& plan, const BatchRanks& ranks) {
  std::map<std::size_t, std::vector<Candidate>> by_rank;
  for (const Candidate& candidate : plan) by_rank[rank_of(ranks, candidate.batch)].push_back(candidate);
  std::vector<Candidate> sorted;
  for (const auto& [rank, candidates] : by_rank) std::ranges::copy(candidates, std::back_inserter(sorted));
  return sorted;
}

}  // namespace moetune::daemon::search
