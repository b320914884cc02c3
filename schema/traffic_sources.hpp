#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "schema/traffic.hpp"

/// The forms in which vLLM writes how many tokens its steps had. Each takes line after line, counts those that are its
/// own, and gives what they say together; numbers beyond what Traffic holds are no such lines.
namespace moetune::schema {

/// Steps by their number of tokens.
class StepCounts {
 public:
  /// False, and nothing changes, where the numbers are none of a step. `time_ms` may be 0: not known.
  bool add(std::int64_t tokens, std::int64_t steps, double time_ms = 0);
  std::vector<TrafficBatch> batches() const;
  std::int64_t steps() const { return steps_; }

 private:
  struct Sum {
    std::int64_t steps = 0;
    double time_ms = 0;  ///< of all of them
  };
  std::map<std::int64_t, Sum> by_tokens_;
  std::int64_t steps_ = 0;
};

/// Rows of the tables of --cudagraph-metrics, each of which counts anew:
/// `| Unpadded Tokens | Padded Tokens | Num Paddings | Runtime Mode | Count |`. M is the padded number.
class CudagraphTables {
 public:
  void read(std::string_view line);
  std::int64_t lines() const { return lines_; }
  std::vector<TrafficBatch> batches() const { return counts_.batches(); }

 private:
  StepCounts counts_;
  std::int64_t lines_ = 0;
  bool had_header_ = false;
};

/// `Iteration(i): a context requests, b context tokens, c generation requests, d generation tokens, ...`: M = b + d.
/// Steps that only keep ranks in step "(dummy)" and those without tokens are passed over.
class IterationLines {
 public:
  void read(std::string_view line);
  std::int64_t lines() const { return lines_; }
  std::vector<TrafficBatch> batches() const { return counts_.batches(); }

 private:
  StepCounts counts_;
  std::int64_t lines_ = 0;
};

/// `Batchsize forward time stats (batchsize, count, median_time(ms)): [(8, 120, 9.1), ...]`. Every process counts on
/// from its start, so its last line holds all; one whose counts fell was started anew.
class BatchTimeLines {
 public:
  void read(std::string_view line);
  std::int64_t lines() const { return lines_; }
  std::vector<TrafficBatch> batches() const;

 private:
  std::map<std::string, StepCounts, std::less<>> latest_;  ///< by process
  std::vector<StepCounts> ended_;
  std::int64_t lines_ = 0;
};

/// `vllm:iteration_tokens_total_bucket{engine="0",le="8.0",...} 123.0`: cumulative over the buckets of one set of
/// labels, and in time: of several scrapes in one file the last counts. Sets of labels (engines, models) are added up.
/// A bucket stands for its middle, the one without a bound for the bound below it.
class PrometheusHistogram {
 public:
  void read(std::string_view line);
  std::int64_t lines() const { return lines_; }
  std::vector<TrafficBatch> batches() const;

 private:
  std::map<std::string, std::map<double, double>, std::less<>> series_;  ///< labels -> bound -> cumulative count
  std::int64_t lines_ = 0;
};

}  // namespace moetune::schema
