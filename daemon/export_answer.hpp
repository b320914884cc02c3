#pragma once

#include <string>

#include "schema/engine_file.hpp"
#include "schema/error.hpp"
#include "schema/group.hpp"

namespace moetune::db {
class Database;
}

namespace moetune::daemon {

struct ExportQuery {
  schema::GroupFilter filter;
  schema::EngineFormat format = schema::EngineFormat::vllm;
  bool allow_recorded = false;
  /// Makes one file from all models whose file has the same name (search::merged_choice), with the batches that every
  /// one of them has rows for.
  bool merge = false;
};

struct ExportedFile {
  std::string name;  ///< the engine's exact file name
  std::string bytes;
};

/// The engine's file for the one group that the query matches, or for all of them with `merge`. Errors: not_found;
/// conflict when several groups match (detail lists them) and may not or cannot be merged, or when the rows are of
/// another kernel or recorded and not asked for by name.
schema::Result<ExportedFile> export_answer(const db::Database& database, const ExportQuery& query);

}  // namespace moetune::daemon
