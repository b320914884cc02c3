#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "daemon/search/plan.hpp"
#include "kernels/recording.hpp"

namespace moetune::bench {

/// A recording as searches see it: candidates by batch, and what is true of them. The batches are the default ones.
class RecordedTable {
 public:
  /// Throws std::runtime_error naming the file. `kernel` may be empty where the file has rows of one only.
  static RecordedTable load(const std::filesystem::path& file, const std::string& kernel);

  const schema::Problem& problem() const { return problem_; }
  std::size_t size() const { return rows_.size(); }
  /// All rows, in the order of an exhaustive sweep's plan.
  const std::vector<daemon::search::Candidate>& plan() const { return plan_; }
  /// Those that a race is about: without what surely has no room on the GPU, as in a sweep of a Triton kernel.
  const std::vector<daemon::search::Candidate>& race_plan() const { return race_plan_; }
  /// Whether a sweep would search in a scan: the rows are a Triton kernel's.
  bool has_scan() const { return has_scan_; }
  /// The engine's default of each batch that has a row of it.
  const std::map<std::int64_t, schema::TileConfig>& defaults() const { return defaults_; }
  std::vector<std::int64_t> batches() const;
  const std::vector<schema::TileConfig>& configs_of(std::int64_t batch) const { return configs_of_.at(batch); }
  std::vector<schema::TileConfig> all_configs() const;
  /// Distinct tiles, GROUP_SIZE_M aside.
  const std::set<schema::TileConfig>& tiles() const { return tiles_; }

  bool contains(std::int64_t batch, const schema::TileConfig& config) const { return rows_.contains({batch, config}); }
  const kernels::RecordedRow& row(std::int64_t batch, const schema::TileConfig& config) const {
    return rows_.at({batch, config});
  }
  /// The median of the row's samples. Precondition: the row is ok.
  double latency_us(std::int64_t batch, const schema::TileConfig& config) const;
  double best_us(std::int64_t batch) const { return best_us_.at(batch); }
  const schema::TileConfig& best_config(std::int64_t batch) const { return best_config_.at(batch); }

 private:
  schema::Problem problem_;
  std::map<kernels::RecordingKey, kernels::RecordedRow> rows_;
  std::vector<daemon::search::Candidate> plan_;
  std::vector<daemon::search::Candidate> race_plan_;
  bool has_scan_ = false;
  std::map<std::int64_t, schema::TileConfig> defaults_;
  std::map<std::int64_t, std::vector<schema::TileConfig>> configs_of_;
  std::set<schema::TileConfig> tiles_;
  std::map<std::int64_t, double> best_us_;
  std::map<std::int64_t, schema::TileConfig> best_config_;
};

}  // namespace moetune::bench
