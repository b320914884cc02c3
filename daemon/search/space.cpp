#include "daemon/search/space.hpp"

#include <fmt/format.h>

#include <bit>
#include <set>

#include "daemon/search/constraint.hpp"
#include "schema/engine_rules.hpp"
#include "schema/strict_json.hpp"

namespace moetune::daemon::search {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Problem;
using schema::Result;
using schema::TileConfig;

constexpr std::size_t k_max_values = 64;
constexpr std::size_t k_max_constraints = 64;
constexpr std::size_t k_max_configurations = 200'000;
/// Characters of constraints times configurations: about a second of evaluation.
constexpr std::size_t k_max_evaluation = 200'000'000;

/// Source: get_configs_compute_bound of vLLM's benchmark_moe.py (2026-08), NVIDIA branch.
Space vllm_space() {
  return {.name = "vllm",
          .block_size_m = {16, 32, 64, 128, 256},
          .block_size_n = {32, 64, 128, 256},
          .block_size_k = {64, 128, 256},
          .group_size_m = {1, 16, 32, 64},
          .num_warps = {4, 8},
          .num_stages = {2, 3, 4, 5},
          .constraints = {},
          .whole_blocks = true};
}

Space wide_space() {
  Space space = vllm_space();
  space.name = "wide";
  space.num_warps = {1, 2, 4, 8};
  space.num_stages = {2, 3, 4, 5, 6};
  space.whole_blocks = false;
  return space;
}

std::vector<int> read_axis(schema::ObjectReader& reader, const char* name, int high, bool power_of_two) {
  std::vector<int> values;
  reader.required_raw(name);
  for (const auto value : reader.integers(name, 1, high, k_max_values)) {
    if (power_of_two && !std::has_single_bit(static_cast<unsigned>(value))) {
      reader.reject(name, fmt::format("must hold powers of two, not {}", value));
    }
    values.push_back(static_cast<int>(value));
  }
  if (reader.ok() && values.empty()) reader.reject(name, "must list at least one value");
  return values;
}

/// A space is evaluated while a client waits.
Result<void> check_cost(const Space& space) {
  const std::size_t size = space.block_size_m.size() * space.block_size_n.size() * space.block_size_k.size() *
                           space.group_size_m.size() * space.num_warps.size() * space.num_stages.size();
  if (size > k_max_configurations) {
    return fail(ErrorCode::too_large,
                fmt::format("space has {} configurations, at most {} are allowed", size, k_max_configurations));
  }
  std::size_t characters = 0;
  for (const auto& constraint : space.constraints) characters += constraint.size();
  if (characters * size > k_max_evaluation) {
    return fail(ErrorCode::too_large,
                fmt::format("space.constraints have {} characters, at most {} are allowed with {} configurations",
                            characters, k_max_evaluation / size, size));
  }
  return {};
}

Result<Space> space_from_object(const nlohmann::json& value) {
  schema::ObjectReader reader(value, "space");
  Space space;
  space.name = "file";
  space.block_size_m = read_axis(reader, "BLOCK_SIZE_M", 1024, true);
  space.block_size_n = read_axis(reader, "BLOCK_SIZE_N", 1024, true);
  space.block_size_k = read_axis(reader, "BLOCK_SIZE_K", 1024, true);
  space.group_size_m = read_axis(reader, "GROUP_SIZE_M", 1024, false);
  space.num_warps = read_axis(reader, "num_warps", 32, true);
  space.num_stages = read_axis(reader, "num_stages", 16, false);
  if (const auto* constraints = reader.raw("constraints")) {
    if (!constraints->is_array() || constraints->size() > k_max_constraints) {
      reader.reject("constraints", fmt::format("must be an array of at most {} strings", k_max_constraints));
    } else {
      for (const auto& constraint : *constraints) {
        if (!constraint.is_string()) {
          reader.reject("constraints", "must be an array of strings");
          break;
        }
        space.constraints.push_back(constraint.get<std::string>());
      }
    }
  }
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  if (auto cheap = check_cost(space); !cheap) return std::unexpected(cheap.error());
  return space;
}

std::vector<TileConfig> product_of(const Space& space) {
  std::vector<TileConfig> product;
  for (const int m : space.block_size_m) {
    for (const int n : space.block_size_n) {
      for (const int k : space.block_size_k) {
        for (const int group : space.group_size_m) {
          for (const int warps : space.num_warps) {
            for (const int stages : space.num_stages) product.push_back({m, n, k, group, warps, stages});
          }
        }
      }
    }
  }
  return product;
}

bool is_whole(const Problem& problem, const TileConfig& config) {
  if (!problem.block_shape || problem.block_shape->n <= 0 || problem.block_shape->k <= 0) return true;
  return config.block_size_n % problem.block_shape->n == 0 && config.block_size_k % problem.block_shape->k == 0;
}

}  // namespace

Result<Space> space_from_json(const nlohmann::json& value) {
  if (value.is_object()) return space_from_object(value);
  const std::string name = value.is_string() ? value.get<std::string>() : value.dump();
  if (name == "vllm") return vllm_space();
  if (name == "wide") return wide_space();
  return fail(ErrorCode::invalid_argument,
              fmt::format("space \"{}\" is not known; use vllm, wide, or a space object", name.substr(0, 60)));
}

Result<std::vector<TileConfig>> configurations(const Space& space, const Problem& problem) {
  std::vector<Constraint> constraints;
  for (const auto& expression : space.constraints) {
    auto constraint = Constraint::parse(expression, problem);
    if (!constraint) return std::unexpected(constraint.error());
    constraints.push_back(std::move(*constraint));
  }
  std::set<TileConfig> distinct;
  for (const TileConfig& config : product_of(space)) {
    bool admitted = !space.whole_blocks || is_whole(problem, config);
    for (std::size_t i = 0; admitted && i < constraints.size(); ++i) {
      const auto verdict = constraints[i].admits(config);
      if (!verdict) return std::unexpected(verdict.error());
      admitted = *verdict;
    }
    if (admitted) distinct.insert(schema::effective_config(problem, config));
  }
  if (distinct.empty()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("space {} has no configuration for {}", space.name, short_text(problem)));
  }
  return std::vector<TileConfig>(distinct.begin(), distinct.end());
}

}  // namespace moetune::daemon::search
