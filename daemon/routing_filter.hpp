#pragma once

#include <string_view>

#include "schema/error.hpp"

namespace moetune::db {
class Database;
}

namespace moetune::daemon {

/// Whether rows may be asked for by that routing. Errors: invalid_argument, with what would be right, for a text that
/// is no routing's name (schema::routing_from_name) and that no row has either: rows from elsewhere keep what they say.
schema::Result<void> check_routing_filter(const db::Database& database, std::string_view routing);

}  // namespace moetune::daemon
