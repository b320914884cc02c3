#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "db/best_query.hpp"

namespace moetune::db {

/// Of the batches that a group has ok rows of which count, those that somebody asked for: they are in the spec of a
/// sweep over a space that measured them. The others were measured between such batches, or to compare candidates. Of
/// imported rows nobody knows, so that they are asked for.
Result<std::set<std::int64_t>> asked_batches(Snapshot& snapshot, std::int64_t group, Runs runs = Runs::all);

/// The ok rows of the run, group and batch of a trial, the fastest first; of configurations in `wanted` alone where it
/// is given.
Result<std::vector<MeasuredRow>> rows_beside(Snapshot& snapshot, std::int64_t trial,
                                             const std::set<schema::TileConfig>* wanted = nullptr);

}  // namespace moetune::db
