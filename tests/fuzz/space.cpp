#include "daemon/search/space.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "daemon/search/constraint.hpp"
#include "schema/strict_json.hpp"
#include "tests/fuzz/demand.hpp"
#include "tests/fuzz/target.hpp"

namespace moetune::fuzz {
namespace {

using daemon::search::Space;
using schema::Problem;
using schema::TileConfig;

constexpr std::size_t k_most_configurations = 200'000;

const std::array k_problems = {
    Problem{256, 512, 2048, 8, schema::Dtype::fp8_w8a8, schema::ActDtype::bfloat16, schema::BlockShape{128, 128}},
    Problem{8, 14336, 4096, 2, schema::Dtype::none, schema::ActDtype::float16, std::nullopt},
    Problem{1, 1, 1, 1, schema::Dtype::int4_w4a16, schema::ActDtype::bfloat16, schema::BlockShape{0, 32}, false, true},
};

bool has(const std::vector<int>& values, int value) {
  return std::ranges::find(values, value) != values.end();
}

/// A configuration is one of the space, but for BLOCK_SIZE_K, which a quantisation block cuts down.
void demand_member(const Space& space, const TileConfig& config) {
  demand(has(space.block_size_m, config.block_size_m) && has(space.block_size_n, config.block_size_n) &&
             has(space.group_size_m, config.group_size_m) && has(space.num_warps, config.num_warps) &&
             has(space.num_stages, config.num_stages),
         "a configuration has values of the space");
}

void evaluate(const Space& space, const Problem& problem) {
  const auto configs = configurations(space, problem);
  if (!configs) {
    demand_reason(configs.error());
    return;
  }
  demand(!configs->empty() && configs->size() <= k_most_configurations, "a space has 1 to 200000 configurations");
  demand(std::ranges::adjacent_find(*configs, std::greater_equal<>()) == configs->end(),
         "configurations ascend without repeats");
  for (const TileConfig& config : *configs) demand_member(space, config);
  for (const TileConfig& config : {configs->front(), configs->back()}) {
    const auto read = schema::tile_config_from_json(schema::to_json(config));
    demand(read && *read == config, "a configuration can be written and read");
  }
}

void try_space(std::string_view text) {
  const auto value = schema::parse_json(text, "space");
  if (!value) {
    demand_reason(value.error());
    return;
  }
  const auto space = daemon::search::space_from_json(*value);
  if (!space) {
    demand_reason(space.error());
    return;
  }
  for (const Problem& problem : k_problems) evaluate(*space, problem);
}

/// True when the text has a "=" outside of ==, <=, >= and !=.
bool has_assignment(std::string text) {
  for (const char* comparison : {"==", "<=", ">=", "!="}) {
    for (auto at = text.find(comparison); at != std::string::npos; at = text.find(comparison))
      text.replace(at, 2, "  ");
  }
  return text.find('=') != std::string::npos;
}

/// The verdict depends on the configuration alone: not on what was asked before.
void try_constraint(const std::string& expression) {
  constexpr TileConfig k_small{16, 32, 64, 1, 1, 1};
  constexpr TileConfig k_large{256, 128, 256, 64, 8, 5};
  const auto constraint = daemon::search::Constraint::parse(expression, k_problems.front());
  if (!constraint) {
    demand_reason(constraint.error());
    return;
  }
  demand(!has_assignment(expression), "a constraint assigns nothing");
  const auto first = constraint->admits(k_small);
  if (const auto other = constraint->admits(k_large); !other) demand_reason(other.error());
  const auto second = constraint->admits(k_small);
  demand(first.has_value() == second.has_value() && (!first || *first == *second), "a constraint has no memory");
}

}  // namespace

/// The text of a space file; one that does not begin like JSON is the text of a constraint.
void try_input(std::string_view input) {
  if (input.starts_with('{') || input.starts_with('"')) {
    try_space(input);
  } else {
    try_constraint(std::string(input));
  }
}

}  // namespace moetune::fuzz
