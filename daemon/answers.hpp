#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
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
};

struct ExportedFile {
  std::string name;  ///< the engine's exact file name
  std::string bytes;
};

/// The body of GET /best: {"results": [...]}. `batch`: only the entry that the engine would pick for it (nearest key).
/// Errors: not_found with the nearest known problems in the detail.
schema::Result<nlohmann::ordered_json> best_answer(const db::Database& database, const schema::GroupFilter& filter,
                                                   std::optional<std::int64_t> batch);

/// The engine's file for the one group that the query matches. Errors: not_found; conflict when several groups match
/// (detail lists them) or when the rows are of another kernel or recorded and not asked for by name.
schema::Result<ExportedFile> export_answer(const db::Database& database, const ExportQuery& query);

}  // namespace moetune::daemon
