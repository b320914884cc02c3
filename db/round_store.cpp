#include "db/round_store.hpp"

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "db/run.hpp"
#include "db/trial_rows.hpp"
#include "queries.hpp"

namespace moetune::db {

Result<std::vector<std::vector<double>>> rounds_of(Snapshot& snapshot, std::int64_t sweep, const TrialKey& key,
                                                   const std::optional<std::string>& gpu_uuid) {
  return guarded([&]() -> Result<std::vector<std::vector<double>>> {
    Connection& connection = snapshot.connection();
    const std::int64_t run = run_of_sweep(connection, sweep);
    const auto config = find_config(connection, key.config);
    if (!config) return std::vector<std::vector<double>>();
    return read_rounds(connection, {run, key.batch, *config, gpu_uuid});
  });
}

Result<std::map<std::int64_t, SweepDefault>> defaults_of_sweep(Snapshot& snapshot, std::int64_t sweep) {
  return guarded([&]() -> Result<std::map<std::int64_t, SweepDefault>> {
    Connection& connection = snapshot.connection();
    auto row = connection.query(sql::list_run_defaults_sql, run_of_sweep(connection, sweep));
    std::map<std::int64_t, SweepDefault> defaults;
    while (row.step()) defaults[row.integer(0)] = {read_config(connection, row, 2), row.text(1)};
    return defaults;
  });
}

}  // namespace moetune::db
