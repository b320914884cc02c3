#include "schema/tile_config.hpp"

#include <fmt/format.h>

#include <bit>

#include "schema/strict_json.hpp"

namespace moetune::schema {

namespace {

std::string tile_text(const TileConfig& tile) {
  return fmt::format("{}x{}x{} g{} w{} s{}", tile.block_size_m, tile.block_size_n, tile.block_size_k, tile.group_size_m,
                     tile.num_warps, tile.num_stages);
}

/// The six fields of one tile.
TileConfig read_tile(ObjectReader& reader) {
  const auto power_of_two = [&](const char* name, int high) {
    const auto number = static_cast<unsigned>(reader.integer(name, 1, high));
    if (!std::has_single_bit(number)) reader.reject(name, fmt::format("must be a power of two, not {}", number));
    return static_cast<int>(number);
  };
  TileConfig tile;
  tile.block_size_m = power_of_two("BLOCK_SIZE_M", 1024);
  tile.block_size_n = power_of_two("BLOCK_SIZE_N", 1024);
  tile.block_size_k = power_of_two("BLOCK_SIZE_K", 1024);
  tile.group_size_m = static_cast<int>(reader.integer("GROUP_SIZE_M", 1, 1024));
  tile.num_warps = power_of_two("num_warps", 32);
  tile.num_stages = static_cast<int>(reader.integer("num_stages", 1, 16));
  return tile;
}

}  // namespace

TileConfig up_tile(TileConfig config) {
  config.down.reset();
  return config;
}

TileConfig down_tile(const TileConfig& config) {
  if (!config.down) return config;
  return {.block_size_m = config.block_size_m,
          .block_size_n = config.down->block_size_n,
          .block_size_k = config.down->block_size_k,
          .group_size_m = config.down->group_size_m,
          .num_warps = config.down->num_warps,
          .num_stages = config.down->num_stages};
}

TileConfig paired(const TileConfig& up, const TileConfig& down) {
  TileConfig pair = up;
  if (down != up) {
    pair.down = DownTile{.block_size_n = down.block_size_n,
                         .block_size_k = down.block_size_k,
                         .group_size_m = down.group_size_m,
                         .num_warps = down.num_warps,
                         .num_stages = down.num_stages};
  }
  return pair;
}

nlohmann::ordered_json to_json(const TileConfig& config) {
  nlohmann::ordered_json object = {{"BLOCK_SIZE_M", config.block_size_m}, {"BLOCK_SIZE_N", config.block_size_n},
                                   {"BLOCK_SIZE_K", config.block_size_k}, {"GROUP_SIZE_M", config.group_size_m},
                                   {"num_warps", config.num_warps},       {"num_stages", config.num_stages}};
  if (config.down) object["down"] = to_json(down_tile(config));
  return object;
}

Result<TileConfig> tile_config_from_json(const nlohmann::json& value) {
  ObjectReader reader(value, "config");
  TileConfig config = read_tile(reader);
  const nlohmann::json* down = reader.raw("down");
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  if (down == nullptr) return config;
  ObjectReader down_reader(*down, "config.down");
  const TileConfig second = read_tile(down_reader);
  if (auto done = down_reader.finish(); !done) return std::unexpected(done.error());
  if (second.block_size_m != config.block_size_m) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("config.down.BLOCK_SIZE_M must be {} as in config, not {}: both GEMMs share one alignment",
                            config.block_size_m, second.block_size_m));
  }
  return paired(config, second);
}

std::string short_text(const TileConfig& config) {
  if (!config.down) return tile_text(config);
  return fmt::format("{} | {}", tile_text(config), tile_text(down_tile(config)));
}

}  // namespace moetune::schema
