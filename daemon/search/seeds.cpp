#include "daemon/search/seeds.hpp"

#include <algorithm>

#include "schema/device_name.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon::search {
namespace {

using schema::SeedingSet;
using schema::TileConfig;

void take(const SeedingSet& set, const schema::Problem& problem, const std::vector<std::int64_t>& batches,
          const Fits& fits, SeededBatches& seeded) {
  schema::CandidateShare share{set.id, set.name, 0, set.tiles.unusable};
  std::vector<std::int64_t> keys;
  std::map<std::int64_t, TileConfig> by_key;
  for (const auto& [batch, tile] : set.tiles.rows) {
    const TileConfig config = schema::effective_config(problem, tile);
    if (!fits(config)) {
      ++share.left_out;
      continue;
    }
    keys.push_back(batch);
    by_key[batch] = config;
  }
  for (const std::int64_t batch : batches) {
    if (keys.empty()) break;
    const TileConfig& config = by_key.at(schema::nearest_key(keys, batch));
    auto& seeds = seeded.seeds[batch];
    ++share.candidates;
    if (std::ranges::find(seeds, config) == seeds.end()) seeds.push_back(config);
  }
  seeded.shares.push_back(std::move(share));
}

}  // namespace

SeededBatches seeds_for(const schema::Problem& problem, const std::vector<std::int64_t>& batches,
                        std::string_view device, const std::vector<SeedingSet>& sets, const Fits& fits) {
  std::vector<const SeedingSet*> order;
  for (const auto& set : sets) order.push_back(&set);
  const auto spelt = schema::device_in_file_name(schema::EngineFormat::vllm, device).value_or("");
  std::ranges::stable_partition(order, [&](const auto* set) {
    const std::string& made_for = set->device;
    return made_for == device || made_for == spelt;
  });
  SeededBatches seeded;
  for (const auto* set : order) take(*set, problem, batches, fits, seeded);
  return seeded;
}

}  // namespace moetune::daemon::search
