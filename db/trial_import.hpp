#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

namespace moetune::db {

/// Puts the next line, without its line break, into the argument; false at the end. An error ends the import.
using LineSource = std::function<Result<bool>(std::string& line)>;

/// The configuration that the engine uses without a file; none when that is not known.
using DefaultConfig = std::function<std::optional<schema::TileConfig>(const schema::Problem&, std::int64_t batch)>;

struct Rejection {
  std::int64_t line = 0;  ///< from 1
  std::string message;
};

struct ImportReport {
  std::int64_t rows = 0;  ///< lines that are not empty: inserted + duplicates + rejected
  std::int64_t inserted = 0;
  std::int64_t duplicates = 0;  ///< already there
  std::int64_t completed = 0;   ///< of the duplicates, those that had no rounds and have got them
  std::int64_t rejected = 0;
  std::vector<Rejection> rejections;  ///< the first k_max_rejections of them
  static constexpr std::size_t k_max_rejections = 20;
};

struct ImportOptions {
  DefaultConfig default_config;
  std::string default_source = "built in";  ///< where default_config is known from, stored beside it
  std::int64_t max_rejected = 100'000;      ///< bad lines until the file is taken for something else
};

/// Reads trial JSONL in one pass and commits it in chunks. A bad line is reported and skipped. Rows of origin measured
/// become imported; the other origins stay. Importing the same rows again inserts nothing;
/// a row that is there without its rounds, from an export that did not tell them, gets them.
/// Errors: of the source; invalid_argument for too many bad lines; of the database (the detail has the report so far:
/// what was committed stays).
Result<ImportReport> import_trials(Database& database, const LineSource& next_line, const ImportOptions& options);

}  // namespace moetune::db
