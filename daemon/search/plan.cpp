#include "daemon/search/plan.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "schema/engine_rules.hpp"

namespace moetune::daemon::search {
namespace {

using schema::TileConfig;

/// Small for tiles in the middle of the space, where most winners are; ties are broken by the tile itself.
auto distance_from_middle(const TileConfig& config) {
  const int warps = std::abs(static_cast<int>(std::bit_width(static_cast<unsigned>(config.num_warps))) - 3);
  const int stages = std::abs(config.num_stages - 3);
  const int tile_area = config.block_size_m * config.block_size_n;
  return std::tuple(warps + stages, tile_area, config);
}

/// Groups in the order in which they are tried: one from the middle of the values first.
std::vector<TileConfig> ordered_groups(std::vector<TileConfig> variants) {
  std::ranges::sort(variants);
  std::ranges::rotate(variants, variants.begin() + static_cast<std::ptrdiff_t>(variants.size() / 3));
  return variants;
}

/// One seed of every batch, then the second ones, and so on; `known` are in the plan already.
void add_seeds(const Seeds& seeds, std::vector<Candidate>& plan, std::set<Candidate>& known) {
  bool more = true;
  for (std::size_t rank = 0; std::exchange(more, false); ++rank) {
    for (const auto& [batch, configs] : seeds) {
      if (rank >= configs.size()) continue;
      more = true;
      const Candidate candidate{batch, configs[rank]};
      if (known.insert(candidate).second) plan.push_back(candidate);
    }
  }
}

}  // namespace

TileConfig without_group(const TileConfig& config) {
  TileConfig up = up_tile(config);
  TileConfig down = down_tile(config);
  up.group_size_m = 1;
  down.group_size_m = 1;
  return paired(up, down);
}

std::map<std::int64_t, TileConfig> known_defaults(const schema::Problem& problem,
                                                  const std::vector<std::int64_t>& batches) {
  std::map<std::int64_t, TileConfig> defaults;
  for (const auto batch : batches) {
    defaults[batch] = schema::effective_config(problem, schema::default_config(problem, batch));
  }
  return defaults;
}

std::vector<Candidate> exhaustive_plan(const std::map<std::int64_t, TileConfig>& default_of_batch,
                                       const std::vector<TileConfig>& configs, const Seeds& seeds) {
  std::vector<Candidate> plan;
  plan.reserve((configs.size() + 1) * default_of_batch.size());
  for (const auto& [batch, config] : default_of_batch) plan.push_back({batch, config});
  std::set<Candidate> leading(plan.begin(), plan.end());
  add_seeds(seeds, plan, leading);
  std::map<TileConfig, std::vector<TileConfig>> by_tile;
  for (const TileConfig& config : configs) by_tile[without_group(config)].push_back(config);
  std::vector<TileConfig> tiles;
  std::size_t most_groups = 0;
  for (auto& [tile, variants] : by_tile) {
    variants = ordered_groups(std::move(variants));
    most_groups = std::max(most_groups, variants.size());
    tiles.push_back(tile);
  }
  std::ranges::sort(tiles, {}, distance_from_middle);
  const auto add_round = [&](std::size_t first, std::size_t last) {
    for (const TileConfig& tile : tiles) {
      const auto& variants = by_tile[tile];
      for (std::size_t i = first; i < std::min(last, variants.size()); ++i) {
        for (const auto& [batch, unused] : default_of_batch) {
          const Candidate candidate{batch, variants[i]};
          if (!leading.contains(candidate)) plan.push_back(candidate);
        }
      }
    }
  };
  add_round(0, 1);
  add_round(1, most_groups);
  return plan;
}

std::vector<Candidate> named_plan(const schema::Problem& problem,
                                  const std::map<std::int64_t, TileConfig>& default_of_batch,
                                  const std::map<std::int64_t, std::vector<TileConfig>>& named) {
  std::vector<Candidate> plan;
  std::set<Candidate> known;
  const auto add = [&](const Candidate& candidate) {
    if (known.insert(candidate).second) plan.push_back(candidate);
  };
  for (const auto& [batch, configs] : named) {
    if (const auto found = default_of_batch.find(batch); found != default_of_batch.end()) add({batch, found->second});
    for (const TileConfig& config : configs) add({batch, schema::effective_config(problem, config)});
  }
  return plan;
}

std::vector<Candidate> light_batches_first(std::vector<Candidate> plan) {
  constexpr std::int64_t k_light = 512;  // up to here continuous work does not lower the clock of an H200
  std::ranges::stable_partition(plan, [](const Candidate& candidate) { return candidate.batch <= k_light; });
  return plan;
}

bool is_slow_to_compile(const TileConfig& tile) {
  constexpr int k_threads_per_warp = 32;
  constexpr int k_registers_per_thread = 255;
  return tile.block_size_m * tile.block_size_n > k_registers_per_thread * k_threads_per_warp * tile.num_warps;
}

TileKernels one_kernel_per_tile(const std::vector<Candidate>& plan) {
  TileKernels kernels;
  std::map<TileConfig, KernelIndex> known;
  for (const Candidate& candidate : plan) {
    const auto tile = without_group(candidate.config);
    const auto [found, added] = known.try_emplace(tile, KernelIndex{kernels.tiles.size()});
    if (added) kernels.tiles.push_back(tile);
    kernels.needs.of_trial.push_back({found->second});
  }
  kernels.needs.kernels = kernels.tiles.size();
  return kernels;
}

}  // namespace moetune::daemon::search
