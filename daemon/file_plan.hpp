#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "daemon/file_point.hpp"
#include "daemon/key_plan.hpp"
#include "daemon/search/merge.hpp"
#include "db/best_query.hpp"
#include "schema/engine_file.hpp"

namespace moetune::daemon {

/// What is known of one batch of a problem that a file is for.
struct ProblemBatch {
  db::BatchBest best;  ///< of the run that decides (deciding_of_group): the fastest row that the file can hold; where
                       ///< it can hold none, the fastest of all
  search::ModelRows rows;  ///< what the sweep of that row measured, as far as the file can hold it and needs it
  std::map<schema::TileConfig, std::int64_t> trials;  ///< ids of the rows above and of the default's
};

struct FileProblem {
  db::GroupMatch match;
  std::map<std::int64_t, ProblemBatch> batches;
  std::set<std::int64_t> asked;   ///< of the batches, those that somebody asked for (db::asked_batches)
  std::vector<FilePoint> points;  ///< what the file does at each of the batches
};

/// One key of a file.
struct FileKey {
  std::int64_t batch = 0;
  search::MergedChoice choice;  ///< its standings are in the order of the problems
};

/// A batch that the file has no key for, since not every problem has rows of it.
struct MissingBatch {
  std::int64_t batch = 0;
  std::vector<std::size_t> problems;  ///< those without, as places in FilePlan::problems
};

/// What an engine's file holds and why.
struct FilePlan {
  std::vector<FileProblem> problems;
  std::vector<FileKey> keys;  ///< by ascending batch
  std::vector<MissingBatch> missing;
  std::vector<LeftOut> left_out;  ///< batches asked for without a key, since a neighbour's serves them

  std::set<std::int64_t> unfinished;  ///< sweeps with rows behind the file that are not done

  /// Where the file is known to do something: the batches of which every problem has what the file runs there.
  std::vector<std::int64_t> measured_batches() const;
  /// Whether somebody asked for that batch, for every problem.
  bool is_asked(std::int64_t batch) const;
  /// What schema::engine_file_bytes takes.
  std::vector<std::pair<std::int64_t, schema::TileConfig>> rows() const;
};

/// Whether a file of that engine can say what a configuration runs with: vLLM's has one tile for both GEMMs.
bool can_hold(schema::EngineFormat format, const schema::TileConfig& config);

/// The file for one problem, or the one for all of several that share it. Its keys are all batches that were asked for
/// (search::choose for each), of several problems those that were for every one of them (search::merged_choice; where
/// there is none, all that every one has), unless the sweeps measured between them too: then search::key_cover places
/// them, so that at every such M the file is not slower than the default beyond noise, weighed by the newest traffic.
/// M between them at which several problems have nothing in common but the default do not count. Of one problem the
/// file in force is kept to (search::keep_keys): `in_force`, or where none is given the one that the database keeps for
/// the format (file_in_force); one of several problems is always placed anew. Precondition: `groups` is not empty.
/// Errors: conflict when the problems have no batch in common, or a batch for which they have different defaults and no
/// configuration suits them all, or one that was measured with pairs of tiles only and the format holds none.
schema::Result<FilePlan> plan_file(db::Snapshot& snapshot, schema::EngineFormat format,
                                   const std::vector<db::GroupMatch>& groups, db::Runs runs = db::Runs::all,
                                   const FileInForce* in_force = nullptr);

}  // namespace moetune::daemon
