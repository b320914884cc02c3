#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/database.hpp"
#include "schema/sweep_spec.hpp"
#include "schema/tile_config.hpp"
#include "schema/timestamp.hpp"

namespace moetune::db {

/// How the compile jobs of a sweep ended. `done` counts compiler runs, also those that failed.
struct CompileCounts {
  std::int64_t done = 0;
  std::int64_t cached = 0;
  std::int64_t failed = 0;
  bool operator==(const CompileCounts&) const = default;
};

struct Sweep {
  std::int64_t id = 0;
  std::string label;  ///< "<first 8 digits of the database's uuid>-<id>": schema::Trial::sweep of its rows
  schema::SweepSpec spec;
  schema::SweepState state = schema::SweepState::queued;
  schema::SweepPhase phase = schema::SweepPhase::measure;  ///< what it is at, or was when it ended
  bool scanned = false;                                    ///< it has, or had, a phase scan
  nlohmann::json resolved;            ///< what the scheduler found at the start; null before. Opaque here
  std::optional<std::int64_t> total;  ///< trials that the sweep will have, as far as known; set with `resolved`
  std::int64_t not_recorded = 0;
  CompileCounts compiles;
  schema::Timestamp created_at;
  std::optional<schema::Timestamp> started_at;   ///< first time in state running
  std::optional<schema::Timestamp> finished_at;  ///< set with a final state
  std::string error;                             ///< why it failed
  bool discarded = false;
};

/// What a sweep turned into when it started.
struct Resolution {
  nlohmann::json resolved;
  std::int64_t total = 0;
  std::int64_t not_recorded = 0;
  schema::SweepPhase phase = schema::SweepPhase::measure;  ///< the one that begins
};

/// Stores a queued sweep and returns its id.
Result<std::int64_t> create_sweep(Transaction& transaction, const schema::SweepSpec& spec);

/// Errors: not_found.
Result<Sweep> find_sweep(Snapshot& snapshot, std::int64_t id);

/// Sweeps with an id above `after`, ascending, at most `limit`.
Result<std::vector<Sweep>> list_sweeps(Snapshot& snapshot, std::optional<std::int64_t> after, std::int64_t limit);

/// The queued sweep with the lowest id.
Result<std::optional<Sweep>> next_queued_sweep(Snapshot& snapshot);

/// Those queued, running or paused, ascending: what a starting daemon has to take up.
Result<std::vector<Sweep>> unfinished_sweeps(Snapshot& snapshot);

/// Allowed: queued -> running, paused, failed, cancelled; running -> done, failed, paused, cancelled; paused ->
/// running, queued, cancelled. The state that it already has is accepted for running and paused and changes nothing.
/// Errors: not_found; conflict naming both states.
Result<Sweep> change_sweep_state(Transaction& transaction, std::int64_t id, schema::SweepState state,
                                 std::string_view error = "");

/// Stores what the scheduler found at the begin of a phase; may be repeated (a resumed sweep). Errors: not_found;
/// conflict in a final state.
Result<void> resolve_sweep(Transaction& transaction, std::int64_t id, const Resolution& resolution);

/// Notes how many trials a sweep has, as far as is known while a search finds its way. Errors: not_found.
Result<void> set_sweep_total(Transaction& transaction, std::int64_t id, std::int64_t total);

/// Adds to the sweep's counters. Errors: not_found.
Result<void> add_compile_counts(Transaction& transaction, std::int64_t id, const CompileCounts& more);

/// Marks the rows of a sweep as not counted. Trials stay. Repeating it changes nothing.
/// Errors: not_found; conflict unless the state is final.
Result<Sweep> discard_sweep(Transaction& transaction, std::int64_t id);

/// Which configuration the engine uses by default for a batch of this sweep, and where that is known from (e.g. "vllm
/// 0.11 installed"). Written once: the same again is accepted. Errors: not_found; conflict when another one is stored.
Result<void> set_sweep_default(Transaction& transaction, std::int64_t id, std::int64_t batch,
                               const schema::TileConfig& config, std::string_view source);

}  // namespace moetune::db
