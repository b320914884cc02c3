#pragma once

#include <compare>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "schema/error.hpp"

namespace moetune::schema {

/// GEMM 2's tile where it is not GEMM 1's. BLOCK_SIZE_M has to be the same: both GEMMs share one alignment.
struct DownTile {
  int block_size_n = 0;
  int block_size_k = 0;
  int group_size_m = 1;
  int num_warps = 4;
  int num_stages = 3;

  auto operator<=>(const DownTile&) const = default;
};

/// The tile of a fused MoE kernel, with the names and meanings of the engines' configuration files.
struct TileConfig {
  int block_size_m = 0;  ///< rows (token-expert pairs) of one program
  int block_size_n = 0;  ///< output columns of one program
  int block_size_k = 0;  ///< elements of the reduction dimension in one pipeline stage
  int group_size_m = 1;  ///< row blocks that are walked together for L2 reuse
  int num_warps = 4;     ///< warps of one program
  int num_stages = 3;    ///< buffers of the software pipeline
  /// Empty: GEMM 2 runs with the same tile, as in vLLM. SGLang can read a second file for it.
  std::optional<DownTile> down = std::nullopt;

  auto operator<=>(const TileConfig&) const = default;
};

/// What GEMM 1 runs with: the tile without `down`.
TileConfig up_tile(TileConfig config);
/// What GEMM 2 runs with: `down` where there is one, else the tile itself.
TileConfig down_tile(const TileConfig& config);
/// The configuration of a step whose GEMMs run with these tiles. Precondition: the same BLOCK_SIZE_M, neither has a
/// tile for GEMM 2 of its own.
TileConfig paired(const TileConfig& up, const TileConfig& down);

/// Keys in the engines' order: BLOCK_SIZE_M, BLOCK_SIZE_N, BLOCK_SIZE_K, GROUP_SIZE_M, num_warps, num_stages; then,
/// where GEMM 2 has a tile of its own, "down" with the same six.
nlohmann::ordered_json to_json(const TileConfig& config);

/// All six fields are required; "down" may be there, with the same BLOCK_SIZE_M. Accepted: block sizes powers of two
/// from 1 to 1024, GROUP_SIZE_M 1 to 1024, num_warps a power of two from 1 to 32, num_stages 1 to 16.
Result<TileConfig> tile_config_from_json(const nlohmann::json& value);

/// Short form for logs and tables: "64x128x128 g16 w4 s3", "64x128x128 g16 w4 s3 | 64x64x128 g1 w4 s4" with
/// GEMM 2's own tile.
std::string short_text(const TileConfig& config);

}  // namespace moetune::schema
