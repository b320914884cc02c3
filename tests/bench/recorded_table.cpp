#include "tests/bench/recorded_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "kernels/line_reader.hpp"
#include "schema/lint/gpu.hpp"
#include "schema/lint/shared_memory.hpp"
#include "schema/sweep_spec.hpp"
#include "schema/trial.hpp"

namespace moetune::bench {
namespace {

using schema::TileConfig;

constexpr std::string_view k_cuda = "cuda";  // the one kernel that is not Triton's

template <typename T>
T must(schema::Result<T> result, const std::filesystem::path& file) {
  if (!result) throw std::runtime_error(fmt::format("{}: {}", file.string(), result.error().message));
  return std::move(*result);
}

/// The problem of the first row; a recording of a sweep has one only.
schema::Problem problem_of(const std::filesystem::path& file) {
  auto lines = must(kernels::LineReader::open(file), file);
  const auto line = must(lines.next(), file);
  if (!line) throw std::runtime_error(fmt::format("{}: no rows", file.string()));
  return must(schema::trial_from_line(*line), file).group.problem;
}

/// As a sweep of the group would take it (daemon/sweep/sweep_plan).
bool has_room(const schema::Group& group, const TileConfig& tile) {
  const auto gpu = schema::lint::known_gpu(group.device);
  if (!gpu || group.kernel == k_cuda) return true;
  const auto least = schema::lint::least_shared_memory(group.problem.dtype, tile, gpu->capability);
  return !least || *least <= gpu->shared_memory_limit;
}

}  // namespace

RecordedTable RecordedTable::load(const std::filesystem::path& file, const std::string& kernel) {
  const schema::Problem problem = problem_of(file);
  kernels::RecordingQuery query;
  query.problem = problem;
  query.batches = schema::default_batches();
  if (!kernel.empty()) query.kernel = kernel;
  auto recording = must(kernels::Recording::load(file, query), file);

  RecordedTable table;
  table.problem_ = problem;
  table.rows_ = std::move(recording.rows);
  std::set<TileConfig> configs;
  std::set<std::int64_t> batches;
  for (const auto& [key, row] : table.rows_) {
    configs.insert(key.config);
    batches.insert(key.batch);
    table.tiles_.insert(daemon::search::without_group(key.config));
    table.configs_of_[key.batch].push_back(key.config);
    if (row.status != schema::TrialStatus::ok) continue;
    const double latency_us = schema::median(row.samples_us);
    const auto [best, first] = table.best_us_.try_emplace(key.batch, latency_us);
    if (first || latency_us < best->second) table.best_config_[key.batch] = key.config;
    best->second = std::min(best->second, latency_us);
  }
  const auto defaults = daemon::search::known_defaults(problem, {batches.begin(), batches.end()});
  for (const auto& [batch, config] : defaults) {
    if (table.contains(batch, config)) table.defaults_[batch] = config;
  }
  table.plan_ = daemon::search::exhaustive_plan(defaults, {configs.begin(), configs.end()});
  std::erase_if(table.plan_, [&](const auto& candidate) { return !table.contains(candidate.batch, candidate.config); });
  table.has_scan_ = recording.group.kernel != k_cuda;
  table.race_plan_ = table.plan_;
  std::erase_if(table.race_plan_, [&](const auto& candidate) {
    const auto found = table.defaults_.find(candidate.batch);
    const bool is_default = found != table.defaults_.end() && found->second == candidate.config;
    return !is_default && !has_room(recording.group, candidate.config);
  });
  return table;
}

std::vector<std::int64_t> RecordedTable::batches() const {
  std::vector<std::int64_t> batches;
  for (const auto& [batch, best] : best_us_) batches.push_back(batch);
  return batches;
}

std::vector<TileConfig> RecordedTable::all_configs() const {
  std::set<TileConfig> configs;
  for (const auto& [key, row] : rows_) configs.insert(key.config);
  return {configs.begin(), configs.end()};
}

double RecordedTable::latency_us(std::int64_t batch, const TileConfig& config) const {
  return schema::median(row(batch, config).samples_us);
}

}  // namespace moetune::bench
