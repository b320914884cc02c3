#pragma once

#include <filesystem>

#include "schema/error.hpp"

namespace moetune::db {

enum class FileCondition { missing, present };

/// Looks at a database file before SQLite does, because SQLite would quietly take an emptied file for a new one and
/// drop its log. Missing and empty files without a log are `missing`.
/// Errors: data_damaged (not a database of moetune, cut off, emptied); io.
schema::Result<FileCondition> examine_database_file(const std::filesystem::path& file);

/// Compares the length of the file with what its first page says. Only right while there is no log beside it.
/// Errors: data_damaged; io.
schema::Result<void> examine_length(const std::filesystem::path& file);

/// Walks through the log beside a database that nobody has open. SQLite ends at the first frame that does not hold
/// together, as it must after a power loss, and forgets all that follows. That is refused where later transactions show
/// that the frame had once been stored: an acknowledged row would be lost without a word.
/// Errors: data_damaged naming frame and file; io.
schema::Result<void> examine_log(const std::filesystem::path& file);

/// The log that SQLite keeps beside a database file.
std::filesystem::path log_path(const std::filesystem::path& file);

}  // namespace moetune::db
