#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/error.hpp"
#include "schema/group.hpp"
#include "schema/tile_config.hpp"
#include "schema/timestamp.hpp"

namespace moetune::schema {

enum class TrialStatus {
  ok,
  out_of_resources,  ///< the tile needs more shared memory or registers than the device has; never launched
  compile_error,     ///< the compiler refused the source for this configuration
  compiler_crash,    ///< the compiler's process died, blew its memory limit or answered garbage
  compile_timeout,
  launch_error,     ///< the launch failed or the kernel faulted on the device
  measure_timeout,  ///< the kernel did not end in time
  wrong_result,     ///< the output differs from the reference
};

std::string_view name_of(TrialStatus status);
Result<TrialStatus> trial_status_from_name(std::string_view name);
/// Every status, in the order of the enumeration.
const std::vector<TrialStatus>& all_trial_statuses();

inline constexpr std::size_t k_max_label = 256;  ///< bytes of a sweep's label

/// The final outcome of one (sweep, batch, configuration): written once, never changed.
struct Trial {
  Group group;
  std::string arch;  ///< "sm_90"
  std::int64_t batch = 0;
  TileConfig config;
  TrialStatus status = TrialStatus::ok;
  std::optional<double> latency_us;  ///< median of samples_us; empty unless ok
  std::vector<double> samples_us;    ///< each one pass over L weight sets divided by L
  Timestamp measured_at;

  /// How many of the samples each round had, in their order, where it took turns with others; they add up to all.
  std::vector<std::int64_t> rounds;
  std::optional<std::string> rounds_of;  ///< label of the sweep in which it took them, where that is not `sweep`

  std::map<std::string, double> stages_us;  ///< alignment, activation, ...: not part of latency_us
  std::optional<std::string> gpu_uuid;
  std::optional<std::string> driver;
  std::optional<std::int64_t> sm_clock_mhz;
  std::optional<std::string> throttle;
  std::optional<std::string> tool_version;
  std::optional<std::string> log_tail;
  std::optional<std::string> sweep;  ///< label of the sweep that made the row, unique across databases

  bool operator==(const Trial&) const = default;
};

/// One JSONL object in the documented order; optional fields that are empty are left out.
nlohmann::ordered_json to_json(const Trial& trial);

/// Strict: required fields present, types right, no unknown field, latency_us null unless ok, samples positive,
/// rounds that add up to the samples.
/// Errors: invalid_argument naming the field.
Result<Trial> trial_from_json(const nlohmann::json& value);
Result<Trial> trial_from_line(std::string_view line);

/// The median of `samples` (mean of the middle two for an even count). Precondition: not empty.
double median(std::vector<double> samples);
/// The distance of the quartiles, between neighbouring samples by linear interpolation; 0 of fewer than two samples.
double interquartile_range(std::vector<double> samples);

}  // namespace moetune::schema
