#pragma once

#include <cstdint>
#include <optional>

#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

namespace moetune::schema::lint {

/// Bytes of shared memory that a pipelined tile needs at least: (BLOCK_SIZE_M * bytes of A + BLOCK_SIZE_N * bytes of B)
/// * BLOCK_SIZE_K * buffers. Buffers are num_stages - 1; num_stages on sm_90 from BLOCK_SIZE_M 64 on, where both
/// operands of 8 or 16 bits go through wgmma (measured on Triton 3.6: exact for bf16, up to 1 KiB more for block fp8).
/// Other kinds of tiles need more than this, never less. Nothing for int4, whose kernel was not looked at.
std::optional<std::int64_t> least_shared_memory(Dtype dtype, const TileConfig& tile, int capability);

}  // namespace moetune::schema::lint
