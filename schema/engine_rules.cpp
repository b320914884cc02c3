#include "schema/engine_rules.hpp"

#include <algorithm>
#include <cstdlib>

namespace moetune::schema {
namespace {

bool has_block(const Problem& problem) {
  return problem.block_shape && problem.block_shape->n > 0 && problem.block_shape->k > 0;
}

bool has_group(const Problem& problem) {
  return problem.block_shape && problem.block_shape->k > 0;
}

TileConfig block_fp8_default(const Problem& problem, std::int64_t batch) {
  return {.block_size_m = batch <= 64 ? 16 : 64,
          .block_size_n = problem.block_shape->n,
          .block_size_k = problem.block_shape->k,
          .group_size_m = batch <= 16 ? 1 : 32,
          .num_warps = 4,
          .num_stages = 3};
}

/// Weight-only quantisation with groups. The heuristic leaves num_warps and num_stages to the compiler, whose defaults
/// are 4 and 3. Of its two launches this is GEMM 1's choice.
TileConfig grouped_weight_default(const Problem& problem, std::int64_t batch) {
  (void)problem;
  const bool single = batch == 1;
  return {.block_size_m = batch <= 20   ? 16
                          : batch <= 40 ? 32
                                        : 64,
          .block_size_n = single ? 32 : 64,
          .block_size_k = single ? 64 : 32,
          .group_size_m = 1,
          .num_warps = 4,
          .num_stages = 3};
}

TileConfig plain_default(const Problem& problem, std::int64_t batch) {
  const bool fp8 = problem.dtype == Dtype::fp8_w8a8;
  return {.block_size_m = batch <= 32    ? 16
                          : batch <= 96  ? 32
                          : batch <= 512 ? 64
                                         : 128,
          .block_size_n = batch <= 64 ? 64 : 128,
          .block_size_k = fp8 || batch <= 64 ? 128 : 64,
          .group_size_m = batch / problem.num_experts > 128 ? 16 : 1,
          .num_warps = batch <= 128 ? 4 : 8,
          .num_stages = batch <= 32 ? 4 : 3};
}

}  // namespace

TileConfig default_config(const Problem& problem, std::int64_t batch) {
  if (problem.dtype == Dtype::fp8_w8a8 && has_block(problem)) return block_fp8_default(problem, batch);
  const bool weight_only = problem.dtype == Dtype::int8_w8a16 || problem.dtype == Dtype::int4_w4a16;
  if (weight_only && has_group(problem)) return grouped_weight_default(problem, batch);
  return plain_default(problem, batch);
}

std::string default_config_source() {
  return "vllm 2026-08 heuristic";
}

TileConfig effective_config(const Problem& problem, const TileConfig& config) {
  TileConfig effective = config;
  if (has_block(problem)) {
    const auto clamp = [&](int block_size_k) {
      return std::min({block_size_k, problem.block_shape->n, problem.block_shape->k});
    };
    effective.block_size_k = clamp(config.block_size_k);
    if (config.down) effective.down->block_size_k = clamp(config.down->block_size_k);
  }
  return paired(up_tile(effective), down_tile(effective));
}

bool uses_naive_assignment(const Problem& problem, std::int64_t batch) {
  return batch * problem.topk * 4 <= problem.num_experts;
}

std::int64_t nearest_key(std::span<const std::int64_t> keys, std::int64_t batch) {
  return *std::ranges::min_element(keys, {}, [&](std::int64_t key) { return std::abs(key - batch); });
}

std::optional<BatchRange> untested_range(std::span<const std::int64_t> keys) {
  std::vector<std::int64_t> ends(keys.begin(), keys.end());
  ends.insert(ends.end(), {1, 4096});
  std::ranges::sort(ends);
  std::optional<BatchRange> widest;
  double ratio = 2;
  for (std::size_t i = 0; i + 1 < ends.size(); ++i) {
    const double apart = static_cast<double>(ends[i + 1]) / static_cast<double>(ends[i]);
    // Above 4096 the engines' heuristics do not change any more.
    if (apart <= ratio || ends[i] >= 4096) continue;
    ratio = apart;
    widest = {ends[i], ends[i + 1]};
  }
  return widest;
}

}  // namespace moetune::schema
