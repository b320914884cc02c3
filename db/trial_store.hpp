#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "db/database.hpp"
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

/// Writes the final outcome of one (sweep, batch, config). `trial.samples_us` are appended as one chunk: leave out
/// those that append_samples has stored already. `trial.sweep` is ignored. A key that has its row keeps it, unchanged.
/// Errors: not_found (no such sweep); invalid_argument (latency_us present unless ok, or missing, ...).
Result<Recorded> record_trial(Transaction& transaction, std::int64_t sweep, const schema::Trial& trial);

/// Stores samples of a candidate as they arrive, in microseconds; its trial may come later. Errors: not_found.
Result<void> append_samples(Transaction& transaction, std::int64_t sweep, const TrialKey& key,
                            std::span<const double> samples_us);

/// All samples of a candidate in the order of their arrival; empty when there are none.
Result<std::vector<double>> samples_of(Snapshot& snapshot, std::int64_t sweep, const TrialKey& key);

/// The keys of a sweep's trials, in the order in which they were recorded.
Result<std::vector<TrialKey>> finished_trials(Snapshot& snapshot, std::int64_t sweep);

/// Number of a sweep's trials by status; only those that occur.
Result<std::map<schema::TrialStatus, std::int64_t>> count_trials(Snapshot& snapshot, std::int64_t sweep);

/// What a listing of trials wants. Empty fields match every row.
struct TrialFilter {
  schema::GroupFilter group;
  std::optional<std::int64_t> batch;
  std::optional<schema::TrialStatus> status;
  std::optional<std::int64_t> sweep;       ///< rows of this sweep of this database
  std::optional<std::string> sweep_label;  ///< rows of the sweep with this label, wherever it ran
  std::optional<schema::TileConfig> config;
  bool include_discarded = false;
};

struct StoredTrial {
  std::int64_t id = 0;  ///< cursor: ascending in the order of recording
  bool discarded = false;
  schema::Trial trial;  ///< complete: samples of all chunks, origin, sweep label
};

/// One page: rows with an id above `after`, oldest first, at most `limit`. Errors: not_found for an unknown `sweep`.
Result<std::vector<StoredTrial>> list_trials(Snapshot& snapshot, const TrialFilter& filter,
                                             std::optional<std::int64_t> after, std::int64_t limit);

/// Calls `visit` for every matching row that is there now, oldest first, until it returns false. Works in pages of its
/// own short snapshots, so memory is constant and a slow visitor holds nothing up.
Result<void> for_each_trial(const Database& database, const TrialFilter& filter, std::optional<std::int64_t> after,
                            const std::function<bool(const StoredTrial&)>& visit);

}  // namespace moetune::db
