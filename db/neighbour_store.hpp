#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "db/database.hpp"
#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

namespace moetune::db {

/// A candidate that a sweep tries because it was the best of another problem.
struct NeighbourRow {
  std::int64_t group = 0;  ///< whose best it was
  std::int64_t batch = 0;
  schema::TileConfig config;
  bool operator==(const NeighbourRow&) const = default;
};

/// Stores those of a sweep. Once for each sweep, with its creation.
Result<void> set_sweep_neighbours(Transaction& transaction, std::int64_t sweep, const std::vector<NeighbourRow>& rows);
/// By batch, and in a batch in the order given.
Result<std::vector<NeighbourRow>> neighbours_of_sweep(Snapshot& snapshot, std::int64_t sweep);

/// The problems that a sweep took candidates from, with the number of these, the most first.
struct NeighbourShare {
  schema::Problem problem;
  std::int64_t candidates = 0;
};
Result<std::vector<NeighbourShare>> neighbour_shares(Snapshot& snapshot, std::int64_t sweep);

}  // namespace moetune::db
