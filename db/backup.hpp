#pragma once

#include <filesystem>

#include "db/connection.hpp"
#include "db/database.hpp"

namespace moetune::db {

/// Copies what `source` sees in its open read transaction to `file`, by way of a temporary file beside it that is
/// synced and renamed. Throws Fault. Errors: conflict (the file exists and overwrite is no); io.
Result<void> copy_database(Connection& source, const std::filesystem::path& file, Overwrite overwrite);

}  // namespace moetune::db
