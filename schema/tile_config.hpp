#pragma once

#include <compare>
#include <nlohmann/json.hpp>
#include <string>

#include "schema/error.hpp"

namespace moetune::schema {

/// The tile of a fused MoE kernel, with the names and meanings of the engines' configuration files.
struct TileConfig {
  int block_size_m = 0;  ///< rows (token-expert pairs) of one program
  int block_size_n = 0;  ///< output columns of one program
  int block_size_k = 0;  ///< elements of the reduction dimension in one pipeline stage
  int group_size_m = 1;  ///< row blocks that are walked together for L2 reuse
  int num_warps = 4;     ///< warps of one program
  int num_stages = 3;    ///< buffers of the software pipeline

  auto operator<=>(const TileConfig&) const = default;
};

/// Keys in the engines' order: BLOCK_SIZE_M, BLOCK_SIZE_N, BLOCK_SIZE_K, GROUP_SIZE_M, num_warps, num_stages.
nlohmann::ordered_json to_json(const TileConfig& config);

/// All six fields are required. Accepted: block sizes powers of two from 1 to 1024, GROUP_SIZE_M 1 to 1024,
/// num_warps a power of two from 1 to 32, num_stages 1 to 16.
Result<TileConfig> tile_config_from_json(const nlohmann::json& value);

/// Short form for logs and tables: "64x128x128 g16 w4 s3".
std::string short_text(const TileConfig& config);

}  // namespace moetune::schema
