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
/// Each result has "traffic", what the chosen configurations gain under the import of that id, or else under the newest
/// one where there is one and all batches are asked for. Errors: not_found, for a problem with the nearest known ones
/// in the detail.
schema::Result<nlohmann::ordered_json> best_answer(const db::Database& database, const schema::GroupFilter& filter,
                                                   std::optional<std::int64_t> batch,
                                                   std::optional<std::int64_t> traffic = std::nullopt);

}  // namespace moetune::daemon
