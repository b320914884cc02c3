#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "schema/error.hpp"
#include "schema/group.hpp"

namespace moetune::db {
class Database;
}

namespace moetune::daemon {

struct BestQuery {
  std::optional<std::int64_t> batch;    ///< only the entry that the engine would pick for it
  std::optional<std::int64_t> traffic;  ///< the import that the gain is told for
  std::optional<double> kernel_share;   ///< of a step's time that the kernel takes: over 0, at most 1
};

/// The body of GET /best: {"results": [...]}. The entries of "configs" are the keys of the file that the group makes
/// (plan_file), "between" has those of the other batches that were measured, each with the "key" that serves it and
/// whether it was "asked" for; it is left out where there are none, and where one batch is asked for. Each result has
/// "traffic", what the chosen configurations gain under that import or else the newest one, where there is one and all
/// batches are asked for, and "verdict" where all batches or kernel_share are; "unfinished" lists the sweeps with
/// rows behind it that are not done, where there are any. Errors: not_found, for a problem with
/// the nearest known ones in the detail.
schema::Result<nlohmann::ordered_json> best_answer(const db::Database& database, const schema::GroupFilter& filter,
                                                   const BestQuery& query = {});

}  // namespace moetune::daemon
