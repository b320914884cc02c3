#pragma once

#include <cstdint>

#include "db/connection.hpp"

namespace moetune::db {

/// The run that holds the rows of a sweep. Throws Fault not_found when there is no such sweep.
std::int64_t run_of_sweep(Connection& connection, std::int64_t sweep);

}  // namespace moetune::db
