#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "db/best_query.hpp"
#include "schema/error.hpp"
#include "schema/group.hpp"

namespace moetune::daemon {

/// For each batch the run (sweep or import) whose rows decide what a file gets, ascending; its best is the fastest row
/// that had turns with the default, where there is one. A run that was cut off before it knew the default decides
/// nothing that another one knows. At a batch that was asked
/// for it is the newest one that has measured what was chosen before it, which it is judged against
/// (BatchBest::incumbent); one that has not can be compared by its absolute times alone, and decides only where what it
/// would choose is faster by its rule's least gain. Between such batches it is the run that decides at the nearest of
/// them, where it has rows, since it has measured there what it chose at these; else the newest.
schema::Result<std::vector<db::BatchBest>> deciding_of_group(db::Snapshot& snapshot, std::int64_t group,
                                                             db::Runs runs = db::Runs::all);

/// The group as the database has it, of the version that was measured last where it has no kernel_digest yet; nothing
/// where no row of it counts.
schema::Result<std::optional<db::GroupMatch>> match_of(db::Snapshot& snapshot, const schema::Group& group);

/// What a file gets by the finished sweeps of a group, by batch; of the version that was measured last where the group
/// has no kernel_digest yet.
schema::Result<std::map<std::int64_t, schema::TileConfig>> chosen_of_group(db::Snapshot& snapshot,
                                                                           const schema::Group& group);

}  // namespace moetune::daemon
