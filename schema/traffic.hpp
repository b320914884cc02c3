#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/error.hpp"
#include "schema/timestamp.hpp"

namespace moetune::schema {

/// Where vLLM tells how many tokens its steps had. The order is that of trust: where a file has several, the first one
/// counts.
enum class TrafficSource {
  batch_times,  ///< VLLM_LOG_BATCHSIZE_INTERVAL: counts with the time of a step
  cudagraph,    ///< --cudagraph-metrics: exact counts, as padded for CUDA graphs
  iterations,   ///< --enable-logging-iteration-details: a line for each step
  prometheus,   ///< vllm:iteration_tokens_total: a histogram of coarse buckets
};

/// "batch_times", "cudagraph", "iterations", "prometheus".
std::string_view name_of(TrafficSource source);
Result<TrafficSource> traffic_source_from_name(std::string_view name);
/// What one has to know of numbers from there; empty where there is nothing.
std::string_view caution_of(TrafficSource source);

/// The steps of an engine that had so many tokens.
struct TrafficBatch {
  std::int64_t tokens = 0;        ///< M of the kernel
  std::int64_t steps = 0;         ///< how many there were
  std::optional<double> time_ms;  ///< of one such step as a whole, milliseconds
  bool operator==(const TrafficBatch&) const = default;
};

/// How many tokens the steps of somebody's engine had.
struct Traffic {
  std::string name;  ///< of the file that it was read from
  TrafficSource source = TrafficSource::batch_times;
  std::int64_t lines = 0;             ///< of the file that say so
  std::vector<TrafficBatch> batches;  ///< by tokens, ascending, no two alike; times for all of them or for none

  std::int64_t steps() const;
  bool has_times() const { return !batches.empty() && batches.front().time_ms.has_value(); }
  bool operator==(const Traffic&) const = default;
};

inline constexpr std::size_t k_most_traffic_batches = 16384;
inline constexpr std::int64_t k_most_traffic_steps = std::int64_t{1} << 40;  ///< of one number of tokens
inline constexpr double k_longest_step_ms = 1e9;
inline constexpr std::size_t k_max_traffic_name = 255;

/// {"name", "source", "lines", "batches": [{"tokens", "steps", "time_ms"}]}; time_ms only where it is known.
nlohmann::ordered_json to_json(const Traffic& traffic);
/// Strict; `lines` may be left out. Errors: invalid_argument naming the field.
Result<Traffic> traffic_from_json(const nlohmann::json& value);
/// The list "batches" of it alone.
nlohmann::ordered_json to_json(const std::vector<TrafficBatch>& batches);
Result<std::vector<TrafficBatch>> traffic_batches_from_json(const nlohmann::json& value);

/// An import as the database keeps it.
struct StoredTraffic {
  std::int64_t id = 0;
  Traffic traffic;
  Timestamp imported_at;
};

/// The body of GET /traffic but for the list of imports: with the shares of all steps and, where times are known, of
/// all time; both sum to 1.
nlohmann::ordered_json to_json(const StoredTraffic& stored);

}  // namespace moetune::schema
