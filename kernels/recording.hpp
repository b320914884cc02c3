#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernels/line_reader.hpp"
#include "schema/error.hpp"
#include "schema/group.hpp"
#include "schema/tile_config.hpp"
#include "schema/timestamp.hpp"
#include "schema/trial.hpp"

namespace moetune::kernels {

/// Which rows of a recording are wanted.
struct RecordingQuery {
  schema::Problem problem;
  std::vector<std::int64_t> batches;
  schema::L2 l2 = schema::L2::cold;
  std::string routing = "uniform";
  std::optional<std::string> kernel;  ///< needed only when rows of several kernels match
};

struct RecordingLimits {
  LineLimits lines = {};
  std::int64_t max_samples = 20'000'000;  ///< of the rows that are kept
};

struct RecordingKey {
  std::int64_t batch = 0;
  schema::TileConfig config;
  auto operator<=>(const RecordingKey&) const = default;
};

/// What a row says apart from its key and its group.
struct RecordedRow {
  schema::TrialStatus status = schema::TrialStatus::ok;
  std::vector<double> samples_us = {};  ///< not empty when ok
  std::map<std::string, double> stages_us = {};
  std::optional<std::int64_t> sm_clock_mhz = {};
  std::optional<std::string> throttle = {};
  std::string log_tail = {};
  schema::Timestamp measured_at = {};
};

/// The rows of one group out of a file of trials (JSONL or JSONL.zst). A plain value: immutable once loaded.
struct Recording {
  schema::Group group;  ///< as the rows have it; origin is "recorded"
  std::string arch;     ///< of the device that was recorded, "sm_90"
  std::map<RecordingKey, RecordedRow> rows;

  /// Reads the whole file strictly and keeps the rows of the query. The device must be one; the kernel is the query's,
  /// or the only one; of several digests or compilers the one measured last counts, and of several rows with one key
  /// the newest. Errors: io; invalid_argument with the line number for a bad row; too_large; data_damaged; not_found
  /// when no row matches; conflict when several devices or kernels do (the message and the detail list them).
  static schema::Result<Recording> load(const std::filesystem::path& path, const RecordingQuery& query,
                                        const RecordingLimits& limits = {});
};

}  // namespace moetune::kernels
