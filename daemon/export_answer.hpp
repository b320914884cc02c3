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
  /// SGLang reads a file for each GEMM.
  schema::Gemm gemm = schema::Gemm::up;
};

struct ExportedFile {
  std::string name;  ///< the engine's exact file name
  std::string bytes;
  /// Names the choice that the file was made from: the same for the files of both GEMMs, another one when the rows
  /// that they were made from have changed in between.
  std::string choice;
};

/// The engine's file for the one group that the query matches, or for all of them with `merge`. vLLM's is made from
/// rows whose GEMMs ran with one tile. Errors: not_found; invalid_argument for a file of vLLM's for GEMM 2; conflict
/// when several groups match (detail lists them) and may not or cannot be merged, when the rows are of another kernel
/// or recorded and not asked for by name, or when vLLM's file has a batch that was measured with pairs of tiles only.
schema::Result<ExportedFile> export_answer(const db::Database& database, const ExportQuery& query);

}  // namespace moetune::daemon
