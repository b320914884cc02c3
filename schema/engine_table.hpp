#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "schema/engine_rows.hpp"
#include "schema/error.hpp"
#include "schema/tile_config.hpp"

namespace moetune::schema {

/// The rows of an engine's file as the engine holds them once it is read: by key, in the file's order, in which of two
/// equally near keys the first one wins.
struct EngineTable {
  std::vector<std::pair<std::int64_t, TileConfig>> rows;  ///< not empty, keys distinct

  std::vector<std::int64_t> keys() const;
  /// The row that the engine takes for `batch` tokens, by nearest_key().
  const std::pair<std::int64_t, TileConfig>& row_for(std::int64_t batch) const;
};

/// Of a key that comes twice the last row counts, in the place of the first, as in Python's dictionaries. Errors:
/// invalid_argument naming the key of a row that no kernel could be launched with, a key that is no number, or a file
/// without rows.
Result<EngineTable> engine_table(const EngineRows& rows);

/// The batch sizes at which a file with these keys shows what it is worth: its keys; the middle between two neighbours,
/// where the nearest row is farthest away; 1 and the middle below the first key; above the last one its doubles, and
/// `max_batch` itself. Ascending; nothing beyond `max_batch`.
std::vector<std::int64_t> telling_batches(std::span<const std::int64_t> keys, std::int64_t max_batch);

}  // namespace moetune::schema
