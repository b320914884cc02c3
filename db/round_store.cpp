#include "db/round_store.hpp"

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "db/run.hpp"
#include "db/trial_rows.hpp"
#include "queries.hpp"

namespace moetune::db {

Result<void> append_round(Transaction& transaction, std::int64_t sweep, const schema::Trial& row) {
  if (auto valid = validate_samples(row.samples_us); !valid) return valid;
  return guarded([&]() -> Result<void> {
    Connection& connection = transaction.connection();
    if (row.samples_us.empty()) return {};
    connection.run(sql::add_round_sql, run_of_sweep(connection, sweep), row.batch,
                   intern_config(connection, row.config), row.samples_us, row.gpu_uuid, row.measured_at.ms,
                   row.sm_clock_mhz, row.throttle, stages_text(row));
    return {};
  });
}

Result<void> tell_last_round(Snapshot& snapshot, std::int64_t sweep, schema::Trial& row) {
  return guarded([&]() -> Result<void> {
    Connection& connection = snapshot.connection();
    const auto config = find_config(connection, row.config);
    if (!config) return {};
    auto round =
        connection.query(sql::find_last_round_sql, run_of_sweep(connection, sweep), row.batch, *config, row.gpu_uuid);
    if (!round.step() || round.is_null(0)) return {};
    row.measured_at = {round.integer(0)};
    row.sm_clock_mhz = round.optional_integer(1);
    row.throttle = round.optional_text(2);
    row.stages_us = read_stages(round, 3);
    return {};
  });
}

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
