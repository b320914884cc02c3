#include "db/measured_batches.hpp"

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "db/trial_rows.hpp"
#include "queries.hpp"

namespace moetune::db {

Result<std::set<std::int64_t>> asked_batches(Snapshot& snapshot, std::int64_t group, Runs runs) {
  return guarded([&]() -> Result<std::set<std::int64_t>> {
    const std::int64_t only_finished = runs == Runs::finished ? 1 : 0;
    auto row = snapshot.connection().query(sql::asked_batches_sql, group, only_finished);
    std::set<std::int64_t> batches;
    while (row.step()) batches.insert(row.integer(0));
    return batches;
  });
}

Result<std::vector<MeasuredRow>> rows_beside(Snapshot& snapshot, std::int64_t trial,
                                             const std::set<schema::TileConfig>* wanted) {
  return guarded([&]() -> Result<std::vector<MeasuredRow>> {
    Connection& connection = snapshot.connection();
    auto row = connection.query(sql::rows_beside_sql, trial);
    std::vector<MeasuredRow> rows;
    while (row.step()) {
      auto config = read_config(connection, row, 7);
      if (wanted != nullptr && !wanted->contains(config)) continue;
      const bool imported = row.is_null(5);
      auto samples =
          imported
              ? read_imported_samples(connection, row.integer(0))
              : read_row_samples(connection, {row.integer(1), row.integer(6), row.integer(2), row.optional_text(14)});
      rows.push_back({.trial = row.integer(0),
                      .config = config,
                      .latency_us = row.real(3),
                      .samples_us = std::move(samples.samples_us),
                      .rounds_us = std::move(samples.rounds_us),
                      .measured_at = {row.integer(4)},
                      .gpu_uuid = row.optional_text(14),
                      .rounds_of = std::move(samples.rounds_of)});
    }
    return rows;
  });
}

Result<std::map<std::string, std::int64_t>> unfinished_sweeps(Snapshot& snapshot, std::int64_t group) {
  return guarded([&]() -> Result<std::map<std::string, std::int64_t>> {
    auto row = snapshot.connection().query(sql::unfinished_sweeps_of_group_sql, group);
    std::map<std::string, std::int64_t> ids;
    while (row.step()) ids.emplace(row.text(1), row.integer(0));
    return ids;
  });
}

}  // namespace moetune::db
