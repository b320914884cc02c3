#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "schema/error.hpp"
#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

namespace moetune::daemon::search {

/// The values that each field of a configuration may take, and conditions over them.
struct Space {
  std::string name;
  std::vector<int> block_size_m;
  std::vector<int> block_size_n;
  std::vector<int> block_size_k;
  std::vector<int> group_size_m;
  std::vector<int> num_warps;
  std::vector<int> num_stages;
  std::vector<std::string> constraints;
  bool whole_blocks = false;  ///< only tiles that are multiples of the quantisation block, vLLM's published rule
};

/// From SweepSpec::space: "vllm" (what vLLM's tuner searches on NVIDIA: 1920 tiles), "wide" (also 1 and 2 warps, 6
/// stages and tiles that divide the quantisation block), or a space file's object:
/// {"BLOCK_SIZE_M": [16, 32], ..., "num_stages": [3, 4], "constraints": ["BLOCK_SIZE_M * BLOCK_SIZE_N <= 16384"]}.
/// A space file names all six fields. Errors: invalid_argument naming the field.
schema::Result<Space> space_from_json(const nlohmann::json& value);

/// Every configuration of the space that differs in effect for `problem` (schema::effective_config), without repeats,
/// in ascending order. Errors: invalid_argument for a bad constraint or when nothing is left.
schema::Result<std::vector<schema::TileConfig>> configurations(const Space& space, const schema::Problem& problem);

}  // namespace moetune::daemon::search
