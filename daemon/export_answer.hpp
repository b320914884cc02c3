#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "schema/engine_file.hpp"
#include "schema/engine_rules.hpp"
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
  /// Makes one file from all problems whose file has the same name (search::merged_choice), with keys placed over the
  /// batches that every one of them has rows of (plan_file).
  bool merge = false;
  /// Makes one file for several routings of the same problem: those named, or where none is named all that have rows.
  /// Goes with merge.
  std::optional<std::vector<std::string>> robust = {};
  /// SGLang reads a file for each GEMM.
  schema::Gemm gemm = schema::Gemm::up;
};

struct ExportedFile {
  std::string name;  ///< the engine's exact file name
  std::string bytes;
  /// Names the choice that the file was made from: the same for the files of both GEMMs, another one when the rows
  /// that they were made from have changed in between.
  std::string choice;
  /// Measured M that have none between them and are too far apart for what is there to be known.
  std::optional<schema::BatchRange> untested;
  std::set<std::int64_t> unfinished;  ///< sweeps with rows behind the file that are not done
};

/// The engine's file for the one group that the query matches, or for all of them with `merge`. vLLM's is made from
/// rows whose GEMMs ran with one tile. Errors: not_found; invalid_argument for a file of vLLM's for GEMM 2; conflict
/// when several groups match (detail lists them) and may not or cannot be merged, when a robust file is asked for and
/// only one routing has rows, when the rows are of another kernel
/// or recorded and not asked for by name, or when vLLM's file has a batch that was measured with pairs of tiles only.
schema::Result<ExportedFile> export_answer(const db::Database& database, const ExportQuery& query);

/// The body of GET /guarantee: how that file does against the engine's default wherever both were measured. {"file":
/// name, "choice": as of the file, and what to_json(Guarantee) has}. Errors: as export_answer.
schema::Result<nlohmann::ordered_json> guarantee_answer(const db::Database& database, const ExportQuery& query);

/// The body of GET /merge: what that file costs each of the problems that share it. {"file": name, "choice": as of the
/// file, "problems": [group fields], "batches": {"1": {"config", "default", "reason", "regret", "problems":
/// [{"latency_us", "best_us", "default_us", "regret"}]}}, "missing": [{"batch", "problems": [place]}]}. Latencies are
/// microseconds, a regret is the ratio to the problem's own best in the same sweep; null where nothing was measured.
/// `missing`: batches without a key in the file, and the problems that have no rows of them. Errors: as export_answer.
schema::Result<nlohmann::ordered_json> merge_answer(const db::Database& database, const ExportQuery& query);

}  // namespace moetune::daemon
