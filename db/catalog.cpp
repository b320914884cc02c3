#include "db/catalog.hpp"

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "queries.hpp"

namespace moetune::db {

Result<std::vector<DeviceEntry>> list_devices(Snapshot& snapshot, std::optional<std::int64_t> after,
                                              std::int64_t limit) {
  return guarded([&]() -> Result<std::vector<DeviceEntry>> {
    Connection& connection = snapshot.connection();
    auto row = connection.query(sql::list_devices_sql, after.value_or(0), limit);
    std::vector<DeviceEntry> devices;
    while (row.step()) {
      DeviceEntry& device = devices.emplace_back();
      device = {
          .id = row.integer(0), .name = row.text(1), .archs = {}, .rows = row.integer(2), .newest = {row.integer(3)}};
      auto arch = connection.query(sql::list_archs_of_device_sql, device.id);
      while (arch.step()) device.archs.push_back(arch.text(0));
    }
    return devices;
  });
}

Result<std::vector<ProblemEntry>> list_problems(Snapshot& snapshot, std::optional<std::int64_t> after,
                                                std::int64_t limit) {
  return guarded([&]() -> Result<std::vector<ProblemEntry>> {
    auto row = snapshot.connection().query(sql::list_problems_sql, after.value_or(0), limit);
    std::vector<ProblemEntry> problems;
    while (row.step()) {
      problems.push_back({.id = row.integer(11),
                          .problem = read_problem(row, 0),
                          .rows = row.integer(12),
                          .ok_rows = row.integer(13),
                          .newest = {row.integer(14)}});
    }
    return problems;
  });
}

Result<std::vector<schema::Problem>> known_problems(Snapshot& snapshot) {
  return guarded([&]() -> Result<std::vector<schema::Problem>> {
    auto row = snapshot.connection().query(sql::known_problems_sql);
    std::vector<schema::Problem> problems;
    while (row.step()) problems.push_back(read_problem(row, 0));
    return problems;
  });
}

Result<FinishedWork> finished_work(Snapshot& snapshot) {
  return guarded([&]() -> Result<FinishedWork> {
    auto row = snapshot.connection().query(sql::finished_work_sql);
    if (!row.step()) return FinishedWork{};
    return FinishedWork{
        .done_sweeps = row.integer(0), .discarded_runs = row.integer(1), .imported_rows = row.integer(2)};
  });
}

Result<Totals> count_totals(Snapshot& snapshot) {
  return guarded([&]() -> Result<Totals> {
    Totals totals;
    auto trials = snapshot.connection().query(sql::total_trials_sql);
    while (trials.step()) {
      totals.trials[value_or_throw(schema::trial_status_from_name(trials.text(0)))] = trials.integer(1);
    }
    auto sweeps = snapshot.connection().query(sql::total_sweeps_sql);
    while (sweeps.step()) {
      totals.sweeps[value_or_throw(schema::sweep_state_from_name(sweeps.text(0)))] = sweeps.integer(1);
    }
    return totals;
  });
}

}  // namespace moetune::db
