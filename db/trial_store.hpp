#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "schema/sweep_spec.hpp"
#include "schema/tile_config.hpp"
#include "schema/trial.hpp"

namespace moetune::db {

/// What makes a trial of a sweep one of a kind.
struct TrialKey {
  std::int64_t batch = 0;
  schema::TileConfig config;
  auto operator<=>(const TrialKey&) const = default;
};

enum class Recorded { inserted, already_there };

/// Writes the final outcome of one (sweep, batch, config). `trial.samples_us` are appended as one chunk, or as its
/// `rounds`: leave out those that append_samples has stored already. `trial.sweep` is ignored. A key that has its row
/// keeps it, unchanged. Errors: not_found (no such sweep); invalid_argument (latency_us present unless ok, or missing,
/// ...). A row of phase scan needs a sweep that has been resolved with it.
Result<Recorded> record_trial(Transaction& transaction, std::int64_t sweep, const schema::Trial& trial,
                              schema::SweepPhase phase = schema::SweepPhase::measure);

/// Errors: invalid_argument for what is no time.
Result<void> validate_samples(std::span<const double> samples_us);

/// Stores samples of a candidate as they arrive, in microseconds; its trial may come later, and has those of its own
/// GPU alone where both say which it is. Errors: not_found.
Result<void> append_samples(Transaction& transaction, std::int64_t sweep, const TrialKey& key,
                            std::span<const double> samples_us, const std::optional<std::string>& gpu_uuid = {});

/// All samples of a candidate in the order of their arrival, microseconds; with `gpu_uuid` none of those that another
/// GPU has measured. Empty when there are none.
Result<std::vector<double>> samples_of(Snapshot& snapshot, std::int64_t sweep, const TrialKey& key,
                                       const std::optional<std::string>& gpu_uuid = {});

/// The keys of the trials of a sweep's phase, in the order in which they were recorded.
Result<std::vector<TrialKey>> finished_trials(Snapshot& snapshot, std::int64_t sweep,
                                              schema::SweepPhase phase = schema::SweepPhase::measure);

/// A row as a search sees it.
struct ScannedRow {
  TrialKey key;
  schema::TrialStatus status = schema::TrialStatus::ok;
  double latency_us = 0;  ///< 0 unless ok
  std::map<std::string, double> stages_us;
  std::string remark;  ///< the row's log_tail
  std::optional<std::string> gpu_uuid = {};
  schema::Timestamp measured_at = {};
};

/// The rows of a sweep's phase, in the order in which they were recorded. Errors: not_found without that phase.
Result<std::vector<ScannedRow>> scanned_rows(Snapshot& snapshot, std::int64_t sweep,
                                             schema::SweepPhase phase = schema::SweepPhase::scan);

/// Number of a sweep's trials by status, of all phases; only those that occur.
Result<std::map<schema::TrialStatus, std::int64_t>> count_trials(Snapshot& snapshot, std::int64_t sweep);

}  // namespace moetune::db
