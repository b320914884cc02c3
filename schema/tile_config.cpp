#include "schema/tile_config.hpp"

#include <fmt/format.h>

#include <bit>

#include "schema/strict_json.hpp"

namespace moetune::schema {

nlohmann::ordered_json to_json(const TileConfig& config) {
  return {{"BLOCK_SIZE_M", config.block_size_m}, {"BLOCK_SIZE_N", config.block_size_n},
          {"BLOCK_SIZE_K", config.block_size_k}, {"GROUP_SIZE_M", config.group_size_m},
          {"num_warps", config.num_warps},       {"num_stages", config.num_stages}};
}

Result<TileConfig> tile_config_from_json(const nlohmann::json& value) {
  ObjectReader reader(value, "config");
  const auto power_of_two = [&](const char* name, int high) {
    const auto number = static_cast<unsigned>(reader.integer(name, 1, high));
    if (!std::has_single_bit(number)) reader.reject(name, fmt::format("must be a power of two, not {}", number));
    return static_cast<int>(number);
  };
  TileConfig config;
  config.block_size_m = power_of_two("BLOCK_SIZE_M", 1024);
  config.block_size_n = power_of_two("BLOCK_SIZE_N", 1024);
  config.block_size_k = power_of_two("BLOCK_SIZE_K", 1024);
  config.group_size_m = static_cast<int>(reader.integer("GROUP_SIZE_M", 1, 1024));
  config.num_warps = power_of_two("num_warps", 32);
  config.num_stages = static_cast<int>(reader.integer("num_stages", 1, 16));
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return config;
}

std::string short_text(const TileConfig& config) {
  return fmt::format("{}x{}x{} g{} w{} s{}", config.block_size_m, config.block_size_n, config.block_size_k,
                     config.group_size_m, config.num_warps, config.num_stages);
}

}  // namespace moetune::schema
