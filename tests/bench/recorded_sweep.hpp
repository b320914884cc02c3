#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "daemon/search/finalists.hpp"
#include "daemon/search/plan.hpp"
#include "daemon/search/race.hpp"
#include "tests/bench/recorded_table.hpp"

namespace moetune::bench {

/// What the recording does not say of a measurement; shares, 0.01 is 1 %.
struct Noise {
  /// How much the rounds of one configuration differ beyond the samples of a job, as standard deviation. In the rows of
  /// two sweeps on an H200 with 10 or 20 rounds the medians of the rounds vary by 0.20 to 0.33 %, of which the samples
  /// of one job explain 0.15 to 0.24 %.
  double of_round = 0.0015;
  double of_scan = 0;  ///< how much a scan's kernel differs from the kernel itself, the same for all batches of a tile
};

/// What a sweep has cost.
struct Cost {
  std::size_t rows = 0;           ///< configurations measured, by batch; a finalist after a scan is measured once more
  std::size_t jobs = 0;           ///< of three samples, the rounds of the heats among them
  std::size_t kernels = 0;        ///< tiles compiled for the search, GROUP_SIZE_M aside
  std::size_t final_kernels = 0;  ///< compiled for finalists after a scan: GROUP_SIZE_M is a constant of these
};

/// A sweep's measurements, drawn from recorded rows. Where the recorded kernel is one of Triton's, the search runs in a
/// scan and its finalists are measured afterwards; with another one the search's measurements are the first rounds.
/// Deterministic for a seed. Not thread-safe.
class RecordedSweep {
 public:
  RecordedSweep(const RecordedTable& table, std::uint64_t seed, const Noise& noise)
      : table_(table), random_(seed), noise_(noise) {}

  const RecordedTable& table() const { return table_; }
  std::mt19937_64& random() { return random_; }

  /// One job of the search; a candidate that has had one is not measured again. Precondition: the table has it.
  daemon::search::RaceOutcome measure(std::int64_t batch, const schema::TileConfig& config);
  /// What the search has measured of a batch and runs.
  std::vector<daemon::search::Scanned> rows_of(std::int64_t batch) const;
  /// What each candidate that the search measured and that runs was first seen to take: its three samples.
  const std::map<daemon::search::Candidate, std::vector<double>>& first_rounds() const { return first_rounds_; }

  /// The three samples of one round of the kernel itself; nothing where it does not run. Precondition: the table has
  /// the candidate.
  std::optional<std::vector<double>> round(const daemon::search::Candidate& candidate);
  /// A finalist gets a row, and a kernel, of its own.
  void begin_final(const daemon::search::Candidate& candidate);

  Cost cost() const;

 private:
  std::vector<double> draw(const kernels::RecordedRow& row);
  double deviation_of(const schema::TileConfig& config);

  const RecordedTable& table_;
  std::mt19937_64 random_;
  Noise noise_;
  std::map<daemon::search::Candidate, daemon::search::RaceOutcome> measured_;
  std::map<daemon::search::Candidate, std::vector<double>> first_rounds_;
  std::map<schema::TileConfig, double> deviation_by_tile_;
  std::set<schema::TileConfig> tiles_;
  std::set<schema::TileConfig> final_kernels_;
  std::size_t finalists_ = 0;
  std::size_t jobs_ = 0;
};

}  // namespace moetune::bench
