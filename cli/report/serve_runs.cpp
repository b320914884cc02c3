#include "cli/report/serve_runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr double k_level = 0.05;                   ///< a difference that chance makes less often is believed
constexpr std::uintmax_t k_max_bytes = 256 << 20;  // with --save-detailed a file holds every request

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double deviation_of(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double mean = mean_of(values);
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

std::string sentence_on(const ServeMetric& metric, const ServeVerdict& verdict, std::size_t runs) {
  const double gain = verdict.gain(metric);
  const std::string change = fmt::format("{:+.2f} %", 100 * (verdict.after_mean / verdict.before_mean - 1));
  if (verdict.chance <= k_level) {
    return fmt::format("- {}: {} ({}), and chance alone would part the runs so far in {:.1f} % of all cases.",
                       metric.name, gain > 0 ? "**better**" : "**worse**", change, 100 * verdict.chance);
  }
  if (verdict.least_chance > k_level) {
    return fmt::format("- {}: {}, but {} runs of each side cannot tell that from chance; {} can.", metric.name, change,
                       runs, 4);
  }
  return fmt::format("- {}: no difference shown ({}; chance parts the runs as far in {:.0f} % of all cases).",
                     metric.name, change, 100 * verdict.chance);
}

}  // namespace

double ServeVerdict::gain(const ServeMetric& metric) const {
  const double change = after_mean / before_mean - 1;
  return metric.more_is_better ? change : -change;
}

Result<ServeRun> read_serve_run(const std::filesystem::path& file) {
  const auto refuse = [&](const std::string& why) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: {}; wanted is a file of vllm bench serve --save-result", file.string(), why));
  };
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) return refuse(fmt::format("cannot be read: {}", error.message()));
  if (size > k_max_bytes) return refuse(fmt::format("is larger than {} MiB", k_max_bytes >> 20));
  std::ostringstream text;
  if (std::ifstream in(file); !in || !(text << in.rdbuf())) return refuse("cannot be read");
  const auto value = nlohmann::json::parse(text.str(), nullptr, false);
  if (!value.is_object()) return refuse("is not one JSON object");
  ServeRun run;
  if (const auto model = value.find("model_id"); model != value.end() && model->is_string()) {
    run.model = printable(model->get<std::string>());
  }
  for (std::size_t i = 0; i < k_serve_metrics.size(); ++i) {
    const char* field = k_serve_metrics[i].field;
    const auto found = value.find(field);
    if (found == value.end() || !found->is_number()) return refuse(fmt::format("has no number \"{}\"", field));
    run.values[i] = found->get<double>();
    if (!std::isfinite(run.values[i]) || run.values[i] <= 0) {
      return refuse(fmt::format("\"{}\" is {}, which is no result of a run", field, run.values[i]));
    }
  }
  return run;
}

ServeVerdict compare_runs(std::span<const double> before, std::span<const double> after) {
  ServeVerdict verdict{.before_mean = mean_of(before),
                       .after_mean = mean_of(after),
                       .before_deviation = deviation_of(before),
                       .after_deviation = deviation_of(after)};
  std::vector<double> all(before.begin(), before.end());
  all.insert(all.end(), after.begin(), after.end());
  const double total = std::accumulate(all.begin(), all.end(), 0.0);
  const auto distance = [&](double sum_before) {
    return std::abs(sum_before / static_cast<double>(before.size()) -
                    (total - sum_before) / static_cast<double>(after.size()));
  };
  const double seen = distance(std::accumulate(before.begin(), before.end(), 0.0));
  const double tolerance = 1e-9 * std::abs(total);  // sums in another order
  std::vector<char> is_before(all.size(), 0);
  std::fill_n(is_before.begin(), before.size(), 1);
  double ways = 0, as_far = 0;
  do {
    double sum = 0;
    for (std::size_t i = 0; i < all.size(); ++i) sum += is_before[i] != 0 ? all[i] : 0;
    ways += 1;
    as_far += distance(sum) >= seen - tolerance ? 1 : 0;
  } while (std::ranges::prev_permutation(is_before).found);
  verdict.chance = as_far / ways;
  verdict.least_chance = std::min(1.0, (before.size() == after.size() ? 2 : 1) / ways);
  return verdict;
}

Result<ServeComparison> compare_serve_files(const std::vector<std::string>& files) {
  if (files.size() < 2 || files.size() % 2 != 0) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--serve takes the runs before and then as many after, an even number of files, not {}",
                            files.size()));
  }
  if (files.size() > k_max_serve_runs) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--serve takes at most {} files, not {}", k_max_serve_runs, files.size()));
  }
  ServeComparison comparison{.model = "", .runs = files.size() / 2, .verdicts = {}};
  std::vector<ServeRun> runs;
  for (const std::string& file : files) {
    auto run = read_serve_run(file);
    if (!run) return fail(run.error().code, fmt::format("--serve: {}", run.error().message));
    runs.push_back(std::move(*run));
    if (runs.back().model != runs.front().model) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} is a run of model {}, {} of {}: compare runs of one model", file, runs.back().model,
                              files[0], runs.front().model));
    }
  }
  comparison.model = runs.front().model;
  for (std::size_t i = 0; i < k_serve_metrics.size(); ++i) {
    std::vector<double> values;
    for (const ServeRun& run : runs) values.push_back(run.values[i]);
    const std::span all(values);
    comparison.verdicts[i] = compare_runs(all.first(comparison.runs), all.last(comparison.runs));
  }
  return comparison;
}

std::vector<std::string> markdown_of(const ServeComparison& comparison) {
  std::vector<std::string> lines = {
      fmt::format("`vllm bench serve`{}{}, {} run{} before and after:", comparison.model.empty() ? "" : " of ",
                  comparison.model, comparison.runs, comparison.runs == 1 ? "" : "s"),
      "", "| | before (mean ± s.d.) | after (mean ± s.d.) | change |", "|---|---:|---:|---:|"};
  for (std::size_t i = 0; i < k_serve_metrics.size(); ++i) {
    const ServeVerdict& verdict = comparison.verdicts[i];
    lines.push_back(fmt::format("| {} | {:.2f} ± {:.2f} | {:.2f} ± {:.2f} | {:+.2f} % |", k_serve_metrics[i].name,
                                verdict.before_mean, verdict.before_deviation, verdict.after_mean,
                                verdict.after_deviation, 100 * (verdict.after_mean / verdict.before_mean - 1)));
  }
  lines.emplace_back();
  for (std::size_t i = 0; i < k_serve_metrics.size(); ++i) {
    lines.push_back(sentence_on(k_serve_metrics[i], comparison.verdicts[i], comparison.runs));
  }
  return lines;
}

}  // namespace moetune::cli
