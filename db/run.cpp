#include "db/run.hpp"

#include <fmt/format.h>

#include "queries.hpp"

namespace moetune::db {

std::int64_t run_of_sweep(Connection& connection, std::int64_t sweep, schema::SweepPhase phase) {
  auto row = connection.query(sql::find_sweep_run_sql, sweep, name_of(phase));
  if (row.step()) return row.integer(0);
  const bool scan = phase == schema::SweepPhase::scan;
  throw Fault({schema::ErrorCode::not_found, fmt::format("there is no {}sweep {}", scan ? "scan of " : "", sweep)});
}

}  // namespace moetune::db
