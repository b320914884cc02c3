#include "db/run.hpp"

#include <fmt/format.h>

#include "queries.hpp"

namespace moetune::db {

std::int64_t run_of_sweep(Connection& connection, std::int64_t sweep) {
  auto row = connection.query(sql::find_sweep_run_sql, sweep);
  if (row.step()) return row.integer(0);
  throw Fault({schema::ErrorCode::not_found, fmt::format("there is no sweep {}", sweep)});
}

}  // namespace moetune::db
