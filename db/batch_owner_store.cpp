#include "db/batch_owner_store.hpp"

#include <algorithm>

#include "db/connection.hpp"
#include "queries.hpp"

namespace moetune::db {

Result<void> add_batch_owner(Transaction& transaction, std::int64_t sweep, schema::SweepPhase phase, std::int64_t batch,
                             const std::string& gpu_uuid) {
  return guarded([&]() -> Result<void> {
    transaction.connection().run(sql::add_sweep_batch_sql, sweep, name_of(phase), batch, gpu_uuid);
    return {};
  });
}

Result<std::map<std::int64_t, std::vector<std::string>>> batch_owners(Snapshot& snapshot, std::int64_t sweep,
                                                                      schema::SweepPhase phase) {
  using Owners = std::map<std::int64_t, std::vector<std::string>>;
  return guarded([&]() -> Result<Owners> {
    auto row = snapshot.connection().query(sql::list_sweep_batches_sql, sweep, name_of(phase));
    Owners owners;
    while (row.step()) owners[row.integer(0)].push_back(row.text(1));
    return owners;
  });
}

Result<std::map<std::int64_t, std::vector<std::string>>> taken_over_batches(Snapshot& snapshot, std::int64_t sweep) {
  using Owners = std::map<std::int64_t, std::vector<std::string>>;
  return guarded([&]() -> Result<Owners> {
    auto row = snapshot.connection().query(sql::list_taken_over_batches_sql, sweep);
    Owners owners;
    while (row.step()) {
      auto& of_batch = owners[row.integer(0)];
      const std::string uuid = row.text(1);
      if (std::ranges::find(of_batch, uuid) == of_batch.end()) of_batch.push_back(uuid);
    }
    return owners;
  });
}

}  // namespace moetune::db
