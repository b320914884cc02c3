#pragma once

#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "schema/error.hpp"

namespace moetune::cli {

/// A number of a `vllm bench serve` result that a report compares.
struct ServeMetric {
  const char* field;  ///< of the result file
  const char* name;   ///< for people, with the unit
  bool more_is_better;
};
inline constexpr std::array<ServeMetric, 3> k_serve_metrics = {{{"output_throughput", "output tokens/s", true},
                                                                {"mean_ttft_ms", "mean TTFT, ms", false},
                                                                {"mean_tpot_ms", "mean TPOT, ms", false}}};

/// One run of `vllm bench serve --save-result`: the values of k_serve_metrics, in that order.
struct ServeRun {
  std::string model;
  std::array<double, k_serve_metrics.size()> values = {};
};

/// Errors: invalid_argument naming the file and what it lacks.
schema::Result<ServeRun> read_serve_run(const std::filesystem::path& file);

/// One metric before and after.
struct ServeVerdict {
  double before_mean = 0;
  double after_mean = 0;
  double before_deviation = 0;  ///< sample standard deviation, 0 of one run
  double after_deviation = 0;
  /// How many of all ways to call some of the runs "before" part the means at least as far: a two-sided exact
  /// permutation test (Fisher, The Design of Experiments, 1935, section 21).
  double chance = 1;
  /// The least that `chance` can be with so many runs.
  double least_chance = 1;

  double gain(const ServeMetric& metric) const;  ///< share of before_mean; positive is better
};

/// Precondition: neither is empty, at most k_max_serve_runs of both together.
ServeVerdict compare_runs(std::span<const double> before, std::span<const double> after);

inline constexpr std::size_t k_max_serve_runs = 20;  ///< 184756 ways to part ten from ten

/// `files` are the runs before, then as many after. Errors: invalid_argument when that cannot be, or as
/// read_serve_run(); when they are of several models, too.
struct ServeComparison {
  std::string model;
  std::size_t runs = 0;  ///< of each side
  std::array<ServeVerdict, k_serve_metrics.size()> verdicts;
};
schema::Result<ServeComparison> compare_serve_files(const std::vector<std::string>& files);

/// The comparison as lines of Markdown: a table and a sentence on each metric.
std::vector<std::string> markdown_of(const ServeComparison& comparison);

}  // namespace moetune::cli
