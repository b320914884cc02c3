#include "db/neighbour_store.hpp"

#include <map>

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "queries.hpp"

namespace moetune::db {

Result<void> set_sweep_neighbours(Transaction& transaction, std::int64_t sweep, const std::vector<NeighbourRow>& rows) {
  return guarded([&]() -> Result<void> {
    Connection& connection = transaction.connection();
    std::map<std::int64_t, std::int64_t> ranks;
    for (const NeighbourRow& row : rows) {
      connection.run(sql::add_sweep_neighbour_sql, sweep, row.batch, ranks[row.batch]++,
                     intern_config(connection, row.config), row.group);
    }
    return {};
  });
}

Result<std::vector<NeighbourRow>> neighbours_of_sweep(Snapshot& snapshot, std::int64_t sweep) {
  return guarded([&]() -> Result<std::vector<NeighbourRow>> {
    Connection& connection = snapshot.connection();
    auto row = connection.query(sql::list_sweep_neighbours_sql, sweep);
    std::vector<NeighbourRow> rows;
    while (row.step()) rows.push_back({row.integer(0), row.integer(1), read_config(connection, row, 2)});
    return rows;
  });
}

Result<std::vector<NeighbourShare>> neighbour_shares(Snapshot& snapshot, std::int64_t sweep) {
  return guarded([&]() -> Result<std::vector<NeighbourShare>> {
    constexpr int k_columns_of_a_problem = 11;
    auto row = snapshot.connection().query(sql::count_sweep_neighbours_sql, sweep);
    std::vector<NeighbourShare> shares;
    while (row.step()) shares.push_back({read_problem(row, 0), row.integer(k_columns_of_a_problem)});
    return shares;
  });
}

}  // namespace moetune::db
