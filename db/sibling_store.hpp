#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "db/database.hpp"
#include "schema/tile_config.hpp"

namespace moetune::db {

/// Configurations by batch, the most promising first.
using SiblingSeeds = std::map<std::int64_t, std::vector<schema::TileConfig>>;

/// Keeps what a sweep took from its siblings. Once for each sweep, when it begins.
Result<void> set_sibling_seeds(Transaction& transaction, std::int64_t sweep, const SiblingSeeds& seeds);
/// Nothing where none were ever set. Errors: data_damaged.
Result<std::optional<SiblingSeeds>> sibling_seeds_of(Snapshot& snapshot, std::int64_t sweep);

}  // namespace moetune::db
