#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "schema/error.hpp"

namespace moetune::db {
class Database;
}

namespace moetune::daemon {

/// The body of GET /sweeps/{id}/comparison: of a sweep whose candidates take turns, for each batch the engine's
/// default, the candidates that have their row with the microseconds of every round, and what the rounds say about
/// every two of them (search::contest). Errors: not_found; conflict when the sweep has no rounds.
schema::Result<nlohmann::ordered_json> comparison_answer(const db::Database& database, std::int64_t sweep);

}  // namespace moetune::daemon
