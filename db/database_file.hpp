#pragma once

#include <filesystem>
#include <memory>

#include "db/connection.hpp"
#include "db/database.hpp"
#include "db/migration.hpp"

namespace moetune::db {

/// Whether another process may be writing to the same file.
enum class Writers { one, several };

/// Opens a database file for writing: makes or migrates it, refuses what is damaged, foreign or newer. With
/// Writers::one the caller holds a lock, and the bytes are examined before SQLite sees them. Errors: data_damaged,
/// conflict, io.
Result<std::unique_ptr<Connection>> open_writer(const ConnectionOptions& options, const SchemaDefinition& definition,
                                                Writers writers);

/// Finds out how a database file can be read without changing anything, and that it is of this kind and version.
/// Errors: not_found, data_damaged, conflict, io.
Result<OpenMode> examine_for_reading(const std::filesystem::path& file, const std::filesystem::path& lock_file,
                                     const SchemaDefinition& definition);

/// Makes the folder, with its parents, for this user alone. Errors: io.
Result<void> make_folder(const std::filesystem::path& folder);

}  // namespace moetune::db
