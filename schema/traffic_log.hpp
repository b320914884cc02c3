#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/log_text.hpp"
#include "schema/traffic.hpp"
#include "schema/traffic_sources.hpp"

namespace moetune::schema {

/// Reads how many tokens an engine's steps had from its log or its metrics, piece by piece, of any length in bounded
/// memory. Other lines are passed over, prefixes, colours and JSON's escapes taken off. Knows the wordings of vLLM 0.8
/// to 0.33. Not thread-safe.
class TrafficLog {
 public:
  void read(std::string_view piece);

  /// What was found, the most trustworthy source first: the same steps in other words, never to be added up. Nothing
  /// may be read after it. Errors: invalid_argument when nothing was recognised, which names the four sources;
  /// too_large for more than k_most_traffic_batches numbers of tokens.
  Result<std::vector<Traffic>> finish(const std::string& name);

 private:
  void read_lines();

  LogText text_;
  std::string line_;  ///< the last one, as far as it was read
  BatchTimeLines batch_times_;
  CudagraphTables cudagraph_;
  IterationLines iterations_;
  PrometheusHistogram prometheus_;
};

}  // namespace moetune::schema
