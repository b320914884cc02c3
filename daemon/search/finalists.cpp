#include "daemon/search/finalists.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace moetune::daemon::search {
namespace {

using schema::TileConfig;

struct Promise {
  double latency_us = 0;
  TileConfig config;
  auto operator<=>(const Promise&) const = default;
};

/// The tiles of one GEMM, the fastest first, at most `count`.
std::vector<Promise> fastest(const std::vector<const Scanned*>& rows, std::optional<double> Scanned::* time,
                             std::size_t count) {
  std::vector<Promise> tiles;
  for (const Scanned* row : rows) tiles.push_back({*(row->*time), row->config});
  std::ranges::sort(tiles);
  tiles.resize(std::min(tiles.size(), count));
  return tiles;
}

/// Each GEMM's `count` fastest tiles of one BLOCK_SIZE_M: no other can be in one of the `count` best pairs.
std::vector<Promise> promised_pairs(const std::vector<Scanned>& rows, std::size_t count) {
  std::map<int, std::vector<const Scanned*>> by_block_size_m;
  for (const Scanned& row : rows) {
    if (row.gemm_1_us && row.gemm_2_us) by_block_size_m[row.config.block_size_m].push_back(&row);
  }
  std::vector<Promise> promises;
  for (const auto& [block_size_m, group] : by_block_size_m) {
    const auto downs = fastest(group, &Scanned::gemm_2_us, count);
    for (const Promise& up : fastest(group, &Scanned::gemm_1_us, count)) {
      for (const Promise& down : downs) {
        promises.push_back({up.latency_us + down.latency_us, paired(up.config, down.config)});
      }
    }
  }
  return promises;
}

}  // namespace

std::vector<TileConfig> finalists_of(std::vector<Scanned> rows, const FinalistRule& rule, bool pairs) {
  std::vector<Promise> promises;
  if (pairs) {
    promises = promised_pairs(rows, rule.at_most);
  } else {
    for (const Scanned& row : rows) promises.push_back({row.latency_us, row.config});
  }
  if (promises.empty()) return {};
  std::ranges::sort(promises);
  const bool hot = std::ranges::any_of(rows, &Scanned::clock_fell);
  const double bound = promises.front().latency_us * (hot ? rule.within_when_hot : rule.within);
  std::vector<TileConfig> chosen;
  for (const Promise& promise : promises) {
    if (chosen.size() >= rule.at_most || (chosen.size() >= rule.at_least && promise.latency_us > bound)) break;
    chosen.push_back(promise.config);
  }
  return chosen;
}

std::vector<Candidate> finalist_plan(const std::map<std::int64_t, TileConfig>& default_of_batch,
                                     const std::map<std::int64_t, std::vector<TileConfig>>& finalists) {
  std::vector<Candidate> plan;
  for (const auto& [batch, config] : default_of_batch) plan.push_back({batch, config});
  const std::set<Candidate> defaults(plan.begin(), plan.end());
  bool more = true;
  for (std::size_t rank = 0; std::exchange(more, false); ++rank) {
    for (const auto& [batch, configs] : finalists) {
      if (rank >= configs.size()) continue;
      more = true;
      const Candidate candidate{batch, configs[rank]};
      if (!defaults.contains(candidate)) plan.push_back(candidate);
    }
  }
  return plan;
}

}  // namespace moetune::daemon::search
