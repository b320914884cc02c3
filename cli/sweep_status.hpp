#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schema/candidate_set.hpp"
#include "schema/error.hpp"
#include "schema/sweep_spec.hpp"
#include "schema/tile_config.hpp"

namespace moetune::cli {

/// What is known of one batch: an element of "configs" in GET /best and of "best" in GET /sweeps/{id}.
struct BatchBest {
  std::optional<schema::TileConfig> config;  ///< the fastest row
  std::optional<double> latency_us;
  std::optional<double> default_latency_us;
  std::optional<double> speedup;  ///< default over best
  std::int64_t samples = 0;
  std::optional<schema::TileConfig> chosen;  ///< what a file gets
  std::optional<double> chosen_latency_us;   ///< empty when it was never measured
  bool keeps_default = false;
  std::string reason;
  std::optional<std::string> sweep;       ///< label of the sweep that the fastest row is of
  std::optional<std::string> decided_by;  ///< label of the sweep that decides what is chosen

  /// The default's latency over the chosen configuration's.
  std::optional<double> chosen_speedup() const;
};

/// A sweep as GET /sweeps/{id} shows it.
struct SweepStatus {
  std::int64_t id = 0;
  schema::SweepState state = schema::SweepState::queued;
  schema::SweepPhase phase = schema::SweepPhase::measure;
  nlohmann::ordered_json spec;
  std::int64_t total = 0;
  std::int64_t done = 0;
  std::vector<std::pair<std::string, std::int64_t>> by_status;  ///< in the order of schema::TrialStatus, zeros left out
  std::int64_t not_recorded = 0;
  std::vector<schema::CandidateShare> seeded_by;
  std::vector<std::pair<std::string, std::int64_t>> neighbours;  ///< problem, and how many candidates it brought in
  std::vector<std::string> warnings;                             ///< of its GPUs
  std::int64_t compiles_done = 0;
  std::int64_t compiles_cached = 0;
  std::int64_t compiles_failed = 0;
  std::optional<double> eta_s;
  std::optional<std::string> started_at;
  std::optional<std::string> finished_at;
  std::optional<std::string> error;  ///< why it failed
  bool discarded = false;
  std::map<std::int64_t, BatchBest> best;
};

/// Errors of both: data_damaged when the daemon speaks of something else (another version of moetune).
schema::Result<SweepStatus> sweep_status_from_json(const nlohmann::ordered_json& value);
schema::Result<std::map<std::int64_t, BatchBest>> batch_bests_from_json(const nlohmann::ordered_json& value);

/// A configuration in the rows of a table: GEMM 1's tile, or that of both GEMMs, and GEMM 2's own for a row below it,
/// since the two side by side leave no room for anything else on a terminal of 80 columns.
struct TileRows {
  std::string tile;                 ///< "-" without a configuration
  std::optional<std::string> down;  ///< "| 64x64x128 g1 w4 s4"
};
TileRows tile_rows(const std::optional<schema::TileConfig>& config);

/// "E=256,N=512,..." and the kernel of a sweep's spec or a group, for headings.
std::string problem_text(const nlohmann::ordered_json& fields);

}  // namespace moetune::cli
