#include "db/anchor_store.hpp"

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "queries.hpp"

namespace moetune::db {

Result<void> add_anchor_reading(Transaction& transaction, std::int64_t sweep, const AnchorRow& row) {
  return guarded([&]() -> Result<void> {
    Connection& connection = transaction.connection();
    connection.run(sql::add_anchor_reading_sql, sweep, name_of(row.phase), row.boot_id, row.gpu, row.gpu_uuid,
                   row.opening, row.batch, intern_config(connection, row.config), row.taken_at.ms, row.samples_us,
                   row.sm_clock_mhz, row.throttle, row.state, row.change);
    return {};
  });
}

Result<std::vector<AnchorRow>> anchor_readings(Snapshot& snapshot, std::int64_t sweep) {
  return guarded([&]() -> Result<std::vector<AnchorRow>> {
    Connection& connection = snapshot.connection();
    auto row = connection.query(sql::list_anchor_readings_sql, sweep);
    std::vector<AnchorRow> rows;
    while (row.step()) {
      rows.push_back({.phase = value_or_throw(schema::sweep_phase_from_name(row.text(0))),
                      .boot_id = row.text(1),
                      .gpu = row.integer(2),
                      .gpu_uuid = row.text(3),
                      .opening = row.integer(4) != 0,
                      .batch = row.integer(5),
                      .config = read_config(connection, row, 12),
                      .taken_at = {row.integer(6)},
                      .samples_us = row.doubles(7),
                      .sm_clock_mhz = row.optional_integer(8),
                      .throttle = row.text(9),
                      .state = row.text(10),
                      .change = row.real(11)});
    }
    return rows;
  });
}

Result<std::int64_t> count_rows_between(Snapshot& snapshot, std::int64_t sweep, const std::string& gpu_uuid,
                                        schema::Timestamp from, std::optional<schema::Timestamp> to) {
  return guarded([&]() -> Result<std::int64_t> {
    auto row = snapshot.connection().query(sql::count_trials_between_sql, sweep, gpu_uuid, from.ms,
                                           to ? std::optional(to->ms) : std::nullopt);
    return row.step() ? row.integer(0) : 0;
  });
}

}  // namespace moetune::db
