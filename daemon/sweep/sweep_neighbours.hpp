#pragma once

#include <vector>

#include "daemon/search/neighbour_seeds.hpp"
#include "daemon/sweep/sweep_plan.hpp"
#include "db/database.hpp"
#include "db/neighbour_store.hpp"

namespace moetune::daemon {

/// What a new race tries first because it was the best of other problems on the same device, with the same kernel and
/// of the same origin, in sweeps that are done: of the nearest problems of which anything is known. Nothing for sweeps
/// that do not race.
schema::Result<std::vector<db::NeighbourRow>> neighbours_for(db::Snapshot& snapshot, const SweepPlan& plan);

/// Adds what the sweep was created with to the seeds of its plan, behind those of imported files.
void take_neighbours(SweepPlan& plan, const std::vector<db::NeighbourRow>& rows);

}  // namespace moetune::daemon
