#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "schema/traffic.hpp"

namespace moetune::db {

/// Stores an import, which becomes the newest. Returns its id.
Result<std::int64_t> add_traffic(Transaction& transaction, const schema::Traffic& traffic);

/// The newest import, or nothing where there is none.
Result<std::optional<schema::StoredTraffic>> newest_traffic(Snapshot& snapshot);
/// Errors: not_found; data_damaged.
Result<schema::StoredTraffic> find_traffic(Snapshot& snapshot, std::int64_t id);

/// What a list of imports shows.
struct TrafficImport {
  std::int64_t id = 0;
  std::string name;
  schema::TrafficSource source = schema::TrafficSource::batch_times;
  schema::Timestamp imported_at;
  std::int64_t steps = 0;
};
/// The newest ones, the newest first.
Result<std::vector<TrafficImport>> list_traffic(Snapshot& snapshot, std::int64_t limit);

}  // namespace moetune::db
