#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "schema/routing.hpp"
#include "schema/timestamp.hpp"

namespace moetune::db {

/// Counts under the name of their routing ("counts:..."). Names that are known stay as they are. Errors: conflict when
/// the name stands for other counts.
Result<void> keep_expert_counts(Transaction& transaction, const std::string& name, const schema::ExpertCounts& counts);

struct StoredExpertCounts {
  schema::ExpertCounts counts;
  schema::Timestamp added_at;
};
/// Nothing where the name is not known. Errors: data_damaged.
Result<std::optional<StoredExpertCounts>> find_expert_counts(Snapshot& snapshot, const std::string& name);

/// What a list shows of them.
struct ExpertCountsEntry {
  std::int64_t id = 0;
  std::string name;
  std::int64_t layers = 0;
  std::int64_t experts = 0;
  schema::Timestamp added_at;
};
/// Those with an id above `after`, ascending, at most `limit`.
Result<std::vector<ExpertCountsEntry>> list_expert_counts(Snapshot& snapshot, std::optional<std::int64_t> after,
                                                          std::int64_t limit);

}  // namespace moetune::db
