#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

/// What the engines do around their kernel, as far as results depend on it. Source of every rule: vLLM's public
/// fused_moe module (2026-08 tree), restated.
namespace moetune::schema {

/// The configuration that vLLM uses for `batch` tokens when it finds no file: the competitor of every tuned row, unless
/// the engine that is tuned for was asked for its own. It is that of vLLM 0.24 on NVIDIA's GPUs. vLLM 0.33 differs for
/// fp8 in blocks, n a multiple of 64, up to batch 8: BLOCK_SIZE_N 64, and num_stages 4 up to batch 4. For int4 in
/// groups it is the tile of the Triton kernel, also where vLLM runs its CUDA kernel (groups of 32, 64, 128 and batch *
/// topk / E <= 6), whose BLOCK_SIZE_M is at most the batch.
TileConfig default_config(const Problem& problem, std::int64_t batch);

/// Where default_config comes from, stored with the rows: "vllm 2026-08 heuristic".
std::string default_config_source();

/// The configuration as the launcher runs it: with a block shape, BLOCK_SIZE_K is at most min(block n, block k); GEMM
/// 2's own tile is left out where it runs the same as GEMM 1's.
TileConfig effective_config(const Problem& problem, const TileConfig& config);

/// True when alignment is skipped and every token-expert pair gets a block of its own: M * topk * 4 <= E.
bool uses_naive_assignment(const Problem& problem, std::int64_t batch);

/// The key that the engines pick for `batch`: the nearest one, of two equally near ones the first.
/// Precondition: keys not empty.
std::int64_t nearest_key(std::span<const std::int64_t> keys, std::int64_t batch);

struct BatchRange {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

/// The widest range (by ratio) between two neighbouring keys that are more than a factor of 2 apart, as far as any two
/// of the tuners' default keys, counting 1 and 4096 as its ends: there the nearest key may be slower than the default.
/// Nothing when the keys are dense enough.
std::optional<BatchRange> untested_range(std::span<const std::int64_t> keys);

}  // namespace moetune::schema
