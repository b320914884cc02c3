#include "schema/engine_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "schema/engine_rules.hpp"

namespace moetune::schema {

std::vector<std::int64_t> EngineTable::keys() const {
  std::vector<std::int64_t> keys;
  for (const auto& [key, config] : rows) keys.push_back(key);
  return keys;
}

const std::pair<std::int64_t, TileConfig>& EngineTable::row_for(std::int64_t batch) const {
  return *std::ranges::find(rows, nearest_key(keys(), batch), &std::pair<std::int64_t, TileConfig>::first);
}

Result<EngineTable> engine_table(const EngineRows& rows) {
  EngineTable table;
  for (const EngineEntry& entry : rows.entries) {
    if (entry.key == "triton_version") continue;
    const auto key = engine_key(entry.key);
    if (!key) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("the key \"{}\" is no number, at which the engine's loader raises", entry.key));
    }
    if (entry.row() == nullptr) {
      return fail(ErrorCode::invalid_argument, fmt::format("batch {} has no row, but a plain value", *key));
    }
    const auto config = tile_of(*entry.row());
    if (!config) {
      return fail(ErrorCode::invalid_argument, fmt::format("batch {}: {}", *key, config.error().message));
    }
    const auto known = std::ranges::find(table.rows, *key, &std::pair<std::int64_t, TileConfig>::first);
    if (known == table.rows.end()) {
      table.rows.emplace_back(*key, *config);
    } else {
      known->second = *config;
    }
  }
  if (table.rows.empty()) return fail(ErrorCode::invalid_argument, "it has no row: the engine runs with its default");
  return table;
}

std::vector<std::int64_t> telling_batches(std::span<const std::int64_t> keys, std::int64_t max_batch) {
  std::set<std::int64_t> batches = {1};
  for (const std::int64_t key : keys) {
    if (key >= 1 && key <= max_batch) batches.insert(key);
  }
  const std::vector<std::int64_t> places(batches.begin(), batches.end());
  for (std::size_t i = 0; i + 1 < places.size(); ++i) batches.insert(places[i] + (places[i + 1] - places[i]) / 2);
  for (std::int64_t batch = places.back() * 2; batch < max_batch; batch *= 2) batches.insert(batch);
  batches.insert(max_batch);
  return {batches.begin(), batches.end()};
}

}  // namespace moetune::schema
