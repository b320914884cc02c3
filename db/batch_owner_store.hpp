#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "schema/sweep_spec.hpp"

namespace moetune::db {

/// Notes that the batch is measured on this GPU in that phase of the sweep; the same again changes nothing.
Result<void> add_batch_owner(Transaction& transaction, std::int64_t sweep, schema::SweepPhase phase, std::int64_t batch,
                             const std::string& gpu_uuid);

/// By batch the GPUs that have measured it, the last one last.
Result<std::map<std::int64_t, std::vector<std::string>>> batch_owners(Snapshot& snapshot, std::int64_t sweep,
                                                                      schema::SweepPhase phase);

/// The batches that a GPU has left to another within a phase, each with its GPUs, the first one first.
Result<std::map<std::int64_t, std::vector<std::string>>> taken_over_batches(Snapshot& snapshot, std::int64_t sweep);

}  // namespace moetune::db
