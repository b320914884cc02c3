#pragma once

#include <vector>

#include "daemon/search/plan.hpp"
#include "schema/error.hpp"
#include "schema/group.hpp"

namespace moetune::db {
class Snapshot;
}

namespace moetune::daemon {

/// What sweeps of the same problem, kernel and device found best under another routing, or with weights elsewhere
/// (l2): of each such group and batch its fastest few rows, all within 5 %. A file for several routings is chosen from
/// what was measured under each of them, and a report compares what the other one chose: both need these rows here too.
schema::Result<search::Seeds> sibling_seeds(db::Snapshot& snapshot, const schema::Group& group,
                                            const std::vector<std::int64_t>& batches);

}  // namespace moetune::daemon
