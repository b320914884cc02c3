#include "tests/bench/recorded_sweep.hpp"

#include "kernels/sample_plan.hpp"
#include "schema/trial.hpp"

namespace moetune::bench {

using daemon::search::Candidate;
using daemon::search::RaceOutcome;
using schema::TileConfig;

RaceOutcome RecordedSweep::measure(std::int64_t batch, const TileConfig& config) {
  const Candidate candidate{batch, config};
  if (const auto known = measured_.find(candidate); known != measured_.end()) return known->second;
  const auto& row = table_.row(batch, config);
  RaceOutcome outcome;
  outcome.out_of_resources = row.status == schema::TrialStatus::out_of_resources;
  if (row.status == schema::TrialStatus::ok) {
    auto samples_us = draw(row);
    const double deviation = table_.has_scan() ? deviation_of(config) : 1;
    for (double& us : samples_us) us *= deviation;
    outcome.latency_us = schema::median(samples_us);
    first_rounds_.emplace(candidate, std::move(samples_us));
    ++jobs_;
  }
  tiles_.insert(daemon::search::without_group(config));
  measured_.emplace(candidate, outcome);
  return outcome;
}

std::vector<daemon::search::Scanned> RecordedSweep::rows_of(std::int64_t batch) const {
  std::vector<daemon::search::Scanned> rows;
  for (auto it = first_rounds_.lower_bound({batch, {}}); it != first_rounds_.end() && it->first.batch == batch; ++it) {
    daemon::search::Scanned row;
    row.config = it->first.config;
    row.latency_us = schema::median(it->second);
    rows.push_back(row);
  }
  return rows;
}

std::optional<std::vector<double>> RecordedSweep::round(const Candidate& candidate) {
  const auto& row = table_.row(candidate.batch, candidate.config);
  if (row.status != schema::TrialStatus::ok) return std::nullopt;
  ++jobs_;
  return draw(row);
}

void RecordedSweep::begin_final(const Candidate& candidate) {
  ++finalists_;
  final_kernels_.insert(candidate.config);
}

Cost RecordedSweep::cost() const {
  return {.rows = measured_.size() + finalists_,
          .jobs = jobs_,
          .kernels = tiles_.size(),
          .final_kernels = final_kernels_.size()};
}

std::vector<double> RecordedSweep::draw(const kernels::RecordedRow& row) {
  std::uniform_int_distribution<std::size_t> any(0, row.samples_us.size() - 1);
  const double factor = noise_.of_round > 0 ? std::normal_distribution<double>(1.0, noise_.of_round)(random_) : 1;
  std::vector<double> samples_us;
  for (int i = 0; i < kernels::k_samples_of_job; ++i) samples_us.push_back(row.samples_us[any(random_)] * factor);
  return samples_us;
}

/// The same for every batch: it is the kernel that differs.
double RecordedSweep::deviation_of(const TileConfig& config) {
  const auto [found, first] = deviation_by_tile_.try_emplace(config, 1.0);
  if (first && noise_.of_scan > 0) found->second = std::normal_distribution<double>(1.0, noise_.of_scan)(random_);
  return found->second;
}

}  // namespace moetune::bench
