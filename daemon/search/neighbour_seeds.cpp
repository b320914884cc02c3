#include "daemon/search/neighbour_seeds.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "daemon/search/race.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon::search {
namespace {

using schema::Problem;
using schema::TileConfig;

constexpr std::size_t k_batches_of_each = 2;

double apart(std::int64_t a, std::int64_t b) {
  return std::abs(std::log2(static_cast<double>(a) / static_cast<double>(b)));
}

/// The tiles of the batches nearest to this one, by ratio. Of a pair each GEMM's is a candidate of its own.
std::vector<TileConfig> tiles_near(const KnownProblem& known, std::int64_t batch, std::size_t rank) {
  std::vector<std::int64_t> keys;
  for (const auto& [key, config] : known.best) keys.push_back(key);
  std::ranges::stable_sort(keys, {}, [&](std::int64_t key) { return apart(key, batch); });
  if (rank >= keys.size()) return {};
  const TileConfig& config = known.best.at(keys[rank]);
  if (!config.down) return {config};
  return {up_tile(config), down_tile(config)};
}

}  // namespace

double distance(const Problem& a, const Problem& b) {
  return apart(a.num_experts, b.num_experts) + apart(a.intermediate_size, b.intermediate_size) +
         apart(a.hidden_size, b.hidden_size) + apart(a.topk, b.topk);
}

bool are_alike(const Problem& a, const Problem& b) {
  Problem same = b;
  same.num_experts = a.num_experts;
  same.intermediate_size = a.intermediate_size;
  same.hidden_size = a.hidden_size;
  same.topk = a.topk;
  return a == same;
}

std::vector<NeighbourSeed> neighbour_seeds(const Problem& problem, const std::vector<Candidate>& plan,
                                           std::vector<KnownProblem> known, const NeighbourRule& rule) {
  std::erase_if(
      known, [&](const KnownProblem& other) { return other.problem == problem || !are_alike(problem, other.problem); });
  std::ranges::stable_sort(known, {}, [&](const KnownProblem& other) { return distance(problem, other.problem); });
  const std::set<Candidate> candidates(plan.begin(), plan.end());
  std::set<std::int64_t> all;
  for (const Candidate& candidate : plan) all.insert(candidate.batch);
  std::vector<std::int64_t> batches(all.begin(), all.end());
  if (rule.only_anchors) batches = anchor_batches(batches);

  std::vector<NeighbourSeed> seeds;
  for (const std::int64_t batch : batches) {
    std::set<TileConfig> taken;
    const auto take = [&](const KnownProblem& other, const TileConfig& tile) {
      const Candidate candidate{batch, schema::effective_config(problem, tile)};
      if (taken.size() == rule.at_most || !candidates.contains(candidate)) return;
      if (taken.insert(candidate.config).second) seeds.push_back({other.group, candidate});
    };
    for (std::size_t rank = 0; rank < k_batches_of_each; ++rank) {
      for (const KnownProblem& other : known) {
        for (const TileConfig& tile : tiles_near(other, batch, rank)) take(other, tile);
      }
    }
  }
  return seeds;
}

}  // namespace moetune::daemon::search
