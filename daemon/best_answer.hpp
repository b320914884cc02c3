#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "schema/error.hpp"
#include "schema/group.hpp"

namespace moetune::db {
class Database;
}

namespace moetune::daemon {

/// The body of GET /best: {"results": [...]}. `batch`: only the entry that the engine would pick for it (nearest key).
/// Errors: not_found with the nearest known problems in the detail.
schema::Result<nlohmann::ordered_json> best_answer(const db::Database& database, const schema::GroupFilter& filter,
                                                   std::optional<std::int64_t> batch);

}  // namespace moetune::daemon
