#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/group_flags.hpp"
#include "cli/kernel_share.hpp"
#include "cli/report/l2_contrast.hpp"
#include "cli/sweep_status.hpp"
#include "schema/engine_file.hpp"
#include "schema/error.hpp"
#include "schema/timestamp.hpp"

namespace moetune::cli {

/// What is known of one batch, with the samples in microseconds behind its two latencies.
struct BatchEvidence {
  BatchBest best;
  std::optional<schema::TileConfig> default_config;
  std::vector<double> default_samples_us;  ///< empty when the default was not measured
  std::vector<double> chosen_samples_us;

  /// The wider interquartile range of the two, as a share of the default's latency. 0 without samples.
  double spread() const;
};

/// Everything that the daemon knows for the file of one group: what a report is filled from.
struct Evidence {
  schema::EngineFormat engine = schema::EngineFormat::vllm;
  nlohmann::ordered_json group;          ///< the group's fields, as GET /best shows them
  std::string file;                      ///< the file's exact name
  std::optional<std::string> down_file;  ///< GEMM 2's, where it has tiles of its own
  std::map<std::int64_t, BatchEvidence> batches;

  // Of the rows behind the chosen and the default configurations.
  std::set<std::string> archs, drivers, gpus, sweeps, throttle, tool_versions;
  std::set<std::int64_t> clocks_mhz;
  std::optional<schema::Timestamp> first_measured_at, last_measured_at;

  std::set<double> levels, least_gains;  ///< by which those sweeps chose, as shares; empty where that is not known

  std::string verdict;                 ///< whether the file is worth it; empty where the daemon gives none
  std::vector<std::string> guarantee;  ///< how it does wherever it was measured, in lines
  std::vector<std::int64_t> measured;  ///< M where it was compared with the default
  std::optional<L2Contrast> l2;        ///< what weights in L2 would choose otherwise, where that was measured

  std::vector<std::string> unfinished;  ///< "abc-1 is cancelled": of those sweeps, what is not done

  /// Other problems with rows whose file has the same name.
  std::vector<nlohmann::ordered_json> sharing;

  bool is_recorded() const { return group.value("origin", "") == "recorded"; }
  std::optional<std::string> field(const char* name) const;
};

/// Which rows are asked for. Without a kernel they are those of the engine's own; without an origin, measured ones.
struct EvidenceRequest {
  const GroupFlags& group;
  schema::EngineFormat engine = schema::EngineFormat::vllm;
  bool allow_recorded = false;
  const KernelShare& share;
};

/// Errors: not_found, conflict (several groups: the message says how they differ), forbidden (recorded rows that were
/// not allowed; pairs of tiles where the engine reads one file), data_damaged (the daemon speaks of something else),
/// and the client's.
schema::Result<Evidence> gather(const Client& client, const EvidenceRequest& request);

}  // namespace moetune::cli
