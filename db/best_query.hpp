#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "schema/choice_rule.hpp"
#include "schema/group.hpp"
#include "schema/tile_config.hpp"
#include "schema/timestamp.hpp"

namespace moetune::db {

/// A group that has ok rows which count (not discarded).
struct GroupMatch {
  std::int64_t id = 0;
  schema::Group group;
  schema::Timestamp newest;  ///< latest measured_at of its ok rows
};

/// newest: of groups that differ in kernel_digest and compiler only, the one measured last. all: every one.
enum class Versions { newest, all };

/// The groups that match, with l2 = cold, routing = uniform and no scans where the filter leaves l2, routing or kernel
/// out; ordered by group.
/// Fast when the filter has E and N.
Result<std::vector<GroupMatch>> matching_groups(Snapshot& snapshot, const schema::GroupFilter& filter,
                                                Versions versions = Versions::newest);

/// The routings of which there are rows that the filter matches apart from its routing, whatever their l2 where it has
/// none; ascending.
Result<std::vector<std::string>> known_routings(Snapshot& snapshot, const schema::GroupFilter& filter);

/// An ok row, as far as choosing needs it.
struct MeasuredRow {
  std::int64_t trial = 0;
  schema::TileConfig config;
  double latency_us = 0;
  std::vector<double> samples_us;
  std::vector<double> rounds_us;  ///< the median of each chunk of samples as they came; of an imported row, as told
  schema::Timestamp measured_at;
  std::optional<std::string> gpu_uuid = {};
  std::optional<std::string> rounds_of = {};  ///< label of the sweep in which they were taken, if not its own
};

/// The fastest row of one batch, with the default of the run (sweep or import) that the row belongs to.
struct BatchBest {
  std::int64_t batch = 0;
  MeasuredRow best;
  std::optional<std::string> sweep;  ///< label of the best row's sweep; none for an import without labels
  std::optional<schema::TileConfig> default_config;
  std::string default_source;
  std::optional<MeasuredRow> default_row;  ///< the default's row of the same sweep, group and GPU, if ok
  std::optional<std::string> default_gpu;  ///< where it is ok, but was measured on another GPU than the best row
  bool default_failed = false;             ///< the default has rows in that run, none of them ok
  std::string default_status = {};         ///< what it failed with
  std::size_t default_chunks = 0;          ///< chunks of samples that it had before it did
  std::int64_t rows = 0;                   ///< ok rows of this batch that count
  std::int64_t group = 0;
  std::int64_t run = 0;                  ///< what the rows were made in: opaque, later ones are larger
  std::optional<MeasuredRow> incumbent;  ///< what was chosen before, where this run measured it too
  schema::ChoiceRule rule = {};          ///< of the sweep
};

/// all: every row that counts. finished: without those of sweeps that are not done: queued, running, failed, ...
enum class Runs { all, finished };

/// One entry per batch that has an ok row which counts, ascending.
Result<std::vector<BatchBest>> best_of_group(Snapshot& snapshot, std::int64_t group, Runs runs = Runs::all);

/// As best_of_group, but what each run (sweep or import) found on its own: by batch and, in a batch, the oldest run
/// first, at most the newest 256.
Result<std::vector<BatchBest>> bests_by_run(Snapshot& snapshot, std::int64_t group, Runs runs = Runs::all);

/// Puts the fastest row of the GPU that measured the run's default in the place of its best, where that is another one:
/// a GPU may have taken the batch over.
Result<void> move_to_gpu_of_default(Snapshot& snapshot, BatchBest& run);

/// Puts the fastest of the rows that took turns with the run's default for at least so many rounds in the place of its
/// best, where there is such a row: one that was left out after its first round may look faster than it is. A row that
/// took no turns with the default, since either was taken over from another sweep, need not have had rounds; it comes
/// first where it is faster by the least gain.
Result<void> prefer_rounds(Snapshot& snapshot, BatchBest& run, std::size_t rounds);

/// The fastest ok row of a configuration in the run of another row, at its batch and from its GPU.
Result<std::optional<MeasuredRow>> row_in_run(Snapshot& snapshot, const BatchBest& run,
                                              const schema::TileConfig& config);

/// The fastest row of a batch whose GEMMs run with one tile, as an engine needs it that reads one file; `rows` counts
/// it alone. Nothing when every ok row that counts has a tile for GEMM 2 of its own.
Result<std::optional<BatchBest>> best_without_pair(Snapshot& snapshot, std::int64_t group, std::int64_t batch,
                                                   Runs runs = Runs::all);

/// As best_of_group, over the rows of one sweep alone, discarded or not: its best so far.
Result<std::vector<BatchBest>> best_of_sweep(Snapshot& snapshot, std::int64_t sweep);

}  // namespace moetune::db
