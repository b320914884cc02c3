#include "db/dictionary.hpp"

#include <string_view>

#include "queries.hpp"

namespace moetune::db {
namespace {

using schema::Group;
using schema::Problem;
using schema::TileConfig;

std::optional<std::int64_t> id_in(Query row) {
  return row.step() ? std::optional(row.integer(0)) : std::nullopt;
}

/// Looks a value up by the same bound values with which it would be stored.
template <typename... Values>
std::int64_t intern(Connection& connection, std::string_view find, std::string_view add, const Values&... values) {
  if (const auto id = id_in(connection.query(find, values...))) return *id;
  connection.run(add, values...);
  return connection.last_insert_id();
}

std::optional<std::int64_t> block(const Problem& problem, int schema::BlockShape::* side) {
  return problem.block_shape ? std::optional<std::int64_t>((*problem.block_shape).*side) : std::nullopt;
}

/// Calls `use(values...)` with the values that the statements on a problem bind.
template <typename Use>
auto with_values(const Problem& problem, Use&& use) {
  return use(problem.num_experts, problem.intermediate_size, problem.hidden_size, problem.topk, name_of(problem.dtype),
             name_of(problem.act_dtype), block(problem, &schema::BlockShape::n), block(problem, &schema::BlockShape::k),
             problem.gated, problem.per_channel_quant, problem.router_weight_on_input);
}

/// The same for a configuration; `down` is the id of GEMM 2's own tile.
template <typename Use>
auto with_values(const TileConfig& config, const std::optional<std::int64_t>& down, Use&& use) {
  return use(config.block_size_m, config.block_size_n, config.block_size_k, config.group_size_m, config.num_warps,
             config.num_stages, down);
}

std::int64_t intern_device(Connection& connection, const std::string& name) {
  return intern(connection, sql::find_device_sql, sql::add_device_sql, name);
}

template <typename T>
T read_name(const Query& row, int column, schema::Result<T> (*from_name)(std::string_view)) {
  return value_or_throw(from_name(row.text(column)));
}

}  // namespace

std::int64_t intern_problem(Connection& connection, const Problem& problem) {
  return with_values(problem, [&](const auto&... values) {
    return intern(connection, sql::find_problem_sql, sql::add_problem_sql, values...);
  });
}

std::int64_t intern_group(Connection& connection, const Group& group) {
  const std::int64_t kernel =
      intern(connection, sql::find_kernel_sql, sql::add_kernel_sql, group.kernel, group.kernel_digest, group.compiler);
  return intern(connection, sql::find_group_sql, sql::add_group_sql, intern_problem(connection, group.problem),
                intern_device(connection, group.device), kernel, name_of(group.l2), group.routing,
                name_of(group.origin));
}

std::int64_t intern_config(Connection& connection, const TileConfig& config) {
  std::optional<std::int64_t> down;
  if (config.down) down = intern_config(connection, down_tile(config));
  return with_values(config, down, [&](const auto&... values) {
    return intern(connection, sql::find_config_sql, sql::add_config_sql, values...);
  });
}

std::int64_t intern_environment(Connection& connection, const schema::Trial& trial) {
  return intern(connection, sql::find_environment_sql, sql::add_environment_sql,
                intern_device(connection, trial.group.device), trial.arch, trial.gpu_uuid, trial.driver,
                trial.tool_version);
}

std::optional<std::int64_t> find_problem(Connection& connection, const Problem& problem) {
  return with_values(problem,
                     [&](const auto&... values) { return id_in(connection.query(sql::find_problem_sql, values...)); });
}

std::optional<std::int64_t> find_kernel(Connection& connection, const Group& group) {
  return id_in(connection.query(sql::find_kernel_sql, group.kernel, group.kernel_digest, group.compiler));
}

std::optional<std::int64_t> find_group(Connection& connection, const Group& group) {
  const auto problem = find_problem(connection, group.problem);
  const auto device = id_in(connection.query(sql::find_device_sql, group.device));
  const auto kernel = find_kernel(connection, group);
  if (!problem || !device || !kernel) return std::nullopt;
  return id_in(connection.query(sql::find_group_sql, *problem, *device, *kernel, name_of(group.l2), group.routing,
                                name_of(group.origin)));
}

std::optional<std::int64_t> find_config(Connection& connection, const TileConfig& config) {
  std::optional<std::int64_t> down;
  if (config.down) {
    down = find_config(connection, down_tile(config));
    if (!down) return std::nullopt;
  }
  return with_values(config, down,
                     [&](const auto&... values) { return id_in(connection.query(sql::find_config_sql, values...)); });
}

TileConfig read_config(Connection& connection, const Query& row, int column) {
  const auto field = [&](int offset) { return static_cast<int>(row.integer(column + offset)); };
  const TileConfig tile{.block_size_m = field(0),
                        .block_size_n = field(1),
                        .block_size_k = field(2),
                        .group_size_m = field(3),
                        .num_warps = field(4),
                        .num_stages = field(5)};
  if (row.is_null(column + 6)) return tile;
  auto down = connection.query(sql::find_tile_sql, row.integer(column + 6));
  if (!down.step() || !down.is_null(6) || down.integer(0) != tile.block_size_m) {
    throw Fault({schema::ErrorCode::data_damaged,
                 connection.path().string() + " is damaged: GEMM 2's tile of a configuration"});
  }
  return paired(tile, read_config(connection, down, 0));
}

Problem read_problem(const Query& row, int column) {
  Problem problem;
  problem.num_experts = row.integer(column);
  problem.intermediate_size = row.integer(column + 1);
  problem.hidden_size = row.integer(column + 2);
  problem.topk = row.integer(column + 3);
  if (!row.text(column + 4).empty()) problem.dtype = read_name(row, column + 4, schema::dtype_from_name);
  problem.act_dtype = read_name(row, column + 5, schema::act_dtype_from_name);
  if (!row.is_null(column + 6)) {
    problem.block_shape = {static_cast<int>(row.integer(column + 6)), static_cast<int>(row.integer(column + 7))};
  }
  problem.gated = row.integer(column + 8) != 0;
  problem.per_channel_quant = row.integer(column + 9) != 0;
  problem.router_weight_on_input = row.integer(column + 10) != 0;
  return problem;
}

Group read_group(const Query& row, int column) {
  return {.device = row.text(column),
          .problem = read_problem(row, column + 1),
          .kernel = row.text(column + 12),
          .kernel_digest = row.text(column + 13),
          .compiler = row.text(column + 14),
          .l2 = read_name(row, column + 15, schema::l2_from_name),
          .routing = row.text(column + 16),
          .origin = read_name(row, column + 17, schema::origin_from_name)};
}

}  // namespace moetune::db
