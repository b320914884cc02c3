#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "schema/candidate_set.hpp"
#include "schema/engine_file.hpp"
#include "schema/problem.hpp"

namespace moetune::db {

struct AddedCandidateSet {
  std::int64_t id = 0;
  bool known = false;  ///< it was there already: the same name and bytes
};

/// Stores a set with its tiles. `digest`: SHA-256 of the file's bytes, hex. A set of the same name and digest is not
/// stored again, whatever its path; where it had been discarded, it counts again.
Result<AddedCandidateSet> add_candidate_set(Transaction& transaction, const schema::CandidateSet& set,
                                            const std::string& digest);

/// Errors: not_found; data_damaged.
Result<schema::StoredCandidateSet> find_candidate_set(Snapshot& snapshot, std::int64_t id);
/// A set's tiles with what a sweep has to know of it. Errors: not_found; data_damaged.
Result<schema::SeedingSet> find_seeding_set(Snapshot& snapshot, std::int64_t id);

/// No new sweep tries the set; it stays readable, also for the sweeps that took from it. Errors: not_found.
Result<schema::StoredCandidateSet> discard_candidate_set(Transaction& transaction, std::int64_t id);

struct CandidateContent {
  std::string file;  ///< its name
  std::string text;  ///< in the engines' form
};
/// Errors: not_found; data_damaged.
Result<CandidateContent> find_candidate_content(Snapshot& snapshot, std::int64_t id);

/// What a listing of sets wants, in the words of the files' names. Empty fields match every set.
struct CandidateFilter {
  std::optional<std::int64_t> num_experts;
  std::optional<std::int64_t> intermediate_size;
  std::optional<std::string> dtype;  ///< "": not quantised
  std::optional<std::optional<schema::BlockShape>> block_shape;
  std::optional<std::string> device;
  std::optional<schema::EngineFormat> engine;
  bool include_discarded = false;
};

/// Sets with an id above `after`, ascending, at most `limit`.
Result<std::vector<schema::StoredCandidateSet>> list_candidate_sets(Snapshot& snapshot, const CandidateFilter& filter,
                                                                    std::optional<std::int64_t> after,
                                                                    std::int64_t limit);

/// The sets that a file name for this problem could have, whatever the device: of those that are not discarded the
/// `limit` newest, ascending by id.
Result<std::vector<schema::SeedingSet>> seeding_sets(Snapshot& snapshot, const schema::Problem& problem,
                                                     std::int64_t limit);

/// Stores what a sweep took of each set. Once for each sweep, with its creation.
Result<void> set_sweep_candidates(Transaction& transaction, std::int64_t sweep,
                                  const std::vector<schema::CandidateShare>& shares);
/// By set, ascending.
Result<std::vector<schema::CandidateShare>> candidates_of_sweep(Snapshot& snapshot, std::int64_t sweep);

}  // namespace moetune::db
