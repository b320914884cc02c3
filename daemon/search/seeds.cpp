#include "daemon/search/seeds.hpp"

#include <algorithm>

#include "schema/device_name.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon::search {
namespace {

using schema::StoredCandidateSet;
using schema::TileConfig;

void take(const StoredCandidateSet& stored, const schema::Problem& problem, const std::vector<std::int64_t>& batches,
          const Fits& fits, SeededBatches& seeded) {
  schema::CandidateShare share{stored.id, stored.set.name, 0, stored.tiles.unusable};
  std::vector<std::int64_t> keys;
  std::map<std::int64_t, TileConfig> by_key;
  for (const auto& [batch, tile] : stored.tiles.rows) {
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
                        std::string_view device, const std::vector<StoredCandidateSet>& sets, const Fits& fits) {
  std::vector<const StoredCandidateSet*> order;
  for (const auto& stored : sets) order.push_back(&stored);
  const auto spelt = schema::device_in_file_name(schema::EngineFormat::vllm, device).value_or("");
  std::ranges::stable_partition(order, [&](const auto* stored) {
    const std::string& made_for = stored->set.facts.device;
    return made_for == device || made_for == spelt;
  });
  SeededBatches seeded;
  for (const auto* stored : order) take(*stored, problem, batches, fits, seeded);
  return seeded;
}

}  // namespace moetune::daemon::search
