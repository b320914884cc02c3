#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "schema/problem.hpp"
#include "schema/sweep_spec.hpp"
#include "schema/timestamp.hpp"
#include "schema/trial.hpp"

namespace moetune::db {

/// A device that has rows which count (not discarded).
struct DeviceEntry {
  std::int64_t id = 0;  ///< cursor
  std::string name;
  std::vector<std::string> archs;
  std::int64_t rows = 0;
  schema::Timestamp newest;
};

/// A problem that has rows which count.
struct ProblemEntry {
  std::int64_t id = 0;  ///< cursor
  schema::Problem problem;
  std::int64_t rows = 0;
  std::int64_t ok_rows = 0;
  schema::Timestamp newest;
};

/// Entries with an id above `after`, ascending, at most `limit`.
Result<std::vector<DeviceEntry>> list_devices(Snapshot& snapshot, std::optional<std::int64_t> after,
                                              std::int64_t limit);
Result<std::vector<ProblemEntry>> list_problems(Snapshot& snapshot, std::optional<std::int64_t> after,
                                                std::int64_t limit);

/// Every problem that has an ok row which counts: what "nearest known problem" is chosen from.
Result<std::vector<schema::Problem>> known_problems(Snapshot& snapshot);

/// How much there is in all, discarded rows included; only what occurs.
struct Totals {
  std::map<schema::TrialStatus, std::int64_t> trials;
  std::map<schema::SweepState, std::int64_t> sweeps;
};
Result<Totals> count_totals(Snapshot& snapshot);

/// What changes when there is something new to choose files from: when a sweep ends, rows are imported, or rows are
/// discarded.
struct FinishedWork {
  std::int64_t done_sweeps = 0;
  std::int64_t discarded_runs = 0;
  std::int64_t imported_rows = 0;
  bool operator==(const FinishedWork&) const = default;
};
Result<FinishedWork> finished_work(Snapshot& snapshot);

}  // namespace moetune::db
