#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "schema/group.hpp"
#include "schema/tile_config.hpp"
#include "schema/trial.hpp"

namespace moetune::db {

/// What a listing of trials wants. Empty fields match every row.
struct TrialFilter {
  schema::GroupFilter group = {};
  std::optional<std::int64_t> batch = {};
  std::optional<schema::TrialStatus> status = {};
  std::optional<std::int64_t> sweep = {};       ///< rows of this sweep of this database
  std::optional<std::string> sweep_label = {};  ///< rows of the sweep with this label, wherever it ran
  std::optional<schema::TileConfig> config = {};
  bool include_discarded = false;
};

struct StoredTrial {
  std::int64_t id = 0;  ///< cursor: ascending in the order of recording
  bool discarded = false;
  schema::Trial trial;                 ///< complete: samples of all chunks, origin, sweep label
  std::vector<double> rounds_us = {};  ///< the median of each chunk of samples as they came
};

/// One page: rows with an id above `after`, oldest first, at most `limit`. Errors: not_found for an unknown `sweep`.
Result<std::vector<StoredTrial>> list_trials(Snapshot& snapshot, const TrialFilter& filter,
                                             std::optional<std::int64_t> after, std::int64_t limit);

/// The row with that id, as another query of the same snapshot gave it. Errors: data_damaged when there is none.
Result<StoredTrial> find_trial(Snapshot& snapshot, std::int64_t id);

/// Calls `visit` for every matching row that is there now, oldest first, until it returns false. Works in pages of its
/// own short snapshots, so memory is constant and a slow visitor holds nothing up.
Result<void> for_each_trial(const Database& database, const TrialFilter& filter, std::optional<std::int64_t> after,
                            const std::function<bool(const StoredTrial&)>& visit);

}  // namespace moetune::db
