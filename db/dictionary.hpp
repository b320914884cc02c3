#pragma once

#include <cstdint>
#include <optional>

#include "db/connection.hpp"
#include "schema/group.hpp"
#include "schema/problem.hpp"
#include "schema/tile_config.hpp"
#include "schema/trial.hpp"

/// The values that rows share are stored once each. intern_* return the id of a value and store it first if it is new;
/// find_* only look. All throw Fault.
namespace moetune::db {

std::int64_t intern_problem(Connection& connection, const schema::Problem& problem);
std::int64_t intern_group(Connection& connection, const schema::Group& group);
std::int64_t intern_config(Connection& connection, const schema::TileConfig& config);
/// The device, arch, gpu_uuid, driver and tool_version of a trial.
std::int64_t intern_environment(Connection& connection, const schema::Trial& trial);

std::optional<std::int64_t> find_problem(Connection& connection, const schema::Problem& problem);
std::optional<std::int64_t> find_kernel(Connection& connection, const schema::Group& group);
std::optional<std::int64_t> find_group(Connection& connection, const schema::Group& group);
std::optional<std::int64_t> find_config(Connection& connection, const schema::TileConfig& config);

/// Read consecutive columns of a row, from `column` on, in the order of the tables: 7 of a configuration (GEMM 2's own
/// tile is looked up), 11 of a problem, 18 of a group (device, problem, kernel, conditions).
schema::TileConfig read_config(Connection& connection, const Query& row, int column);
schema::Problem read_problem(const Query& row, int column);
schema::Group read_group(const Query& row, int column);

}  // namespace moetune::db
