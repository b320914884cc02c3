#pragma once

#include <cstdint>

#include "db/connection.hpp"
#include "schema/sweep_spec.hpp"

namespace moetune::db {

/// The run that holds the rows of a sweep's phase. Throws Fault not_found when there is no such sweep, or no such phase
/// of it.
std::int64_t run_of_sweep(Connection& connection, std::int64_t sweep,
                          schema::SweepPhase phase = schema::SweepPhase::measure);

}  // namespace moetune::db
