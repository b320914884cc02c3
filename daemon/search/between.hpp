#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "schema/tile_config.hpp"

namespace moetune::daemon::search {

/// Where an engine that has a key for each of `batches` (ascending) is worth a look: the middles of two keys, where the
/// nearest key is farthest, the batches that vLLM's CUDA graphs pad a decode step to (every 8th up to 248, every 16th
/// from 256 to 512), and all up to 32, as far as they lie between the first and the last key and are none. Ascending.
/// Source: VllmConfig's default cudagraph_capture_sizes.
std::vector<std::int64_t> points_between(std::span<const std::int64_t> batches);

/// What may run at each point: the configurations of the keys to its left and to its right, once where they are the
/// same. `chosen` has the configuration of each key.
std::map<std::int64_t, std::vector<schema::TileConfig>> neighbours_at(
    std::span<const std::int64_t> points, const std::map<std::int64_t, schema::TileConfig>& chosen);

/// How many jobs a point comes to as far as one can say beforehand: four rounds of the default and of one neighbour or
/// two.
inline constexpr std::size_t k_expected_jobs_between = 9;

}  // namespace moetune::daemon::search
