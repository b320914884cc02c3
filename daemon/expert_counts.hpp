#pragma once

#include <string>

#include "schema/routing.hpp"
#include "schema/sweep_spec.hpp"

namespace moetune::db {
class Database;
class Snapshot;
}  // namespace moetune::db

namespace moetune::daemon {

/// "counts:" and the first 16 hex digits of the SHA-256 of the canonical content.
std::string routing_of(const schema::ExpertCounts& counts);

/// The counts that a sweep's routing stands for: those in the spec, else the stored ones; nothing for a routing without
/// counts, or a recording, which is only looked up. Errors: invalid_argument when they are not known or do not fit the
/// problem.
schema::Result<std::optional<schema::ExpertCounts>> expert_counts_of(db::Snapshot& snapshot,
                                                                     const schema::SweepSpec& spec);

}  // namespace moetune::daemon
