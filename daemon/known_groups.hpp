#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "db/best_query.hpp"
#include "schema/error.hpp"
#include "schema/group.hpp"

namespace moetune::daemon {

/// The groups with rows that match, newest kernel and compiler each. Errors: not_found, with the nearest known problems
/// in the detail, when there is none.
schema::Result<std::vector<db::GroupMatch>> known_groups(db::Snapshot& snapshot, const schema::GroupFilter& filter);

/// The groups' fields, for the detail of an error.
nlohmann::json listed(const std::vector<db::GroupMatch>& groups);

}  // namespace moetune::daemon
