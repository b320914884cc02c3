#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "db/database.hpp"

namespace moetune::db {

/// What `db check` found. `findings` is empty when the database holds together.
struct CheckReport {
  std::vector<std::string> findings;  ///< at most k_max_findings
  std::int64_t schema_version = 0;
  std::int64_t trials = 0;
  std::int64_t sweeps = 0;
  std::int64_t bytes = 0;  ///< size of the database without its log
  static constexpr std::size_t k_max_findings = 100;
};

/// Reads every page in use of the database of a data folder: page checksums, SQLite's integrity and foreign key checks,
/// and the rules that the schema cannot express. Reads only, works beside a daemon. Errors: as Database::open with
/// read_only; a database that opens but is damaged is a report with findings.
Result<CheckReport> check_database(const std::filesystem::path& data_dir);

}  // namespace moetune::db
