#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
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

/// The sweeps that have ok rows of a group which count, and are not done: ids by label. What they have measured so far
/// is not all that they would have.
Result<std::map<std::string, std::int64_t>> unfinished_sweeps(Snapshot& snapshot, std::int64_t group);

}  // namespace moetune::db
