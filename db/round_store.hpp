#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "db/trial_store.hpp"
#include "schema/tile_config.hpp"

namespace moetune::db {

/// Stores a round of a candidate: the samples of `row`, microseconds, and what else the round told (its time, GPU,
/// clock, throttling and stages). The candidate's own row comes later. Errors: not_found, invalid_argument.
Result<void> append_round(Transaction& transaction, std::int64_t sweep, const schema::Trial& row);

/// Puts what the candidate's last stored round on `row.gpu_uuid` told into its row; nothing where it told nothing.
Result<void> tell_last_round(Snapshot& snapshot, std::int64_t sweep, schema::Trial& row);

/// The samples of a candidate as they came, microseconds: of one measured in rounds (SweepSpec::rounds) each element
/// is a round. With `gpu_uuid` none of those that another GPU has measured. Empty when there are none. Errors:
/// not_found (no such sweep).
Result<std::vector<std::vector<double>>> rounds_of(Snapshot& snapshot, std::int64_t sweep, const TrialKey& key,
                                                   const std::optional<std::string>& gpu_uuid = {});

struct SweepDefault {
  schema::TileConfig config;
  std::string source;  ///< where it is known from
};

/// The engine's default for each batch, as set_sweep_default has stored it. Errors: not_found (no such sweep).
Result<std::map<std::int64_t, SweepDefault>> defaults_of_sweep(Snapshot& snapshot, std::int64_t sweep);

}  // namespace moetune::db
