#include <fmt/format.h>

#include "schema/engine_rules.hpp"
#include "schema/lint/shared_memory.hpp"
#include "schema/lint/subject.hpp"

namespace moetune::schema::lint {
namespace {

/// As far as a file's name tells it.
Problem problem_told_by(const EngineFileName& name) {
  Problem problem;
  problem.num_experts = name.num_experts;
  problem.intermediate_size = name.intermediate_size;
  problem.dtype = name.dtype.value_or(Dtype::none);
  problem.block_shape = name.block_shape;
  problem.per_channel_quant = name.per_channel_quant;
  return problem;
}

void check_clamp(const Problem& problem, std::int64_t batch, const TileConfig& tile, Report& report) {
  const int runs = effective_config(problem, tile).block_size_k;
  if (runs == tile.block_size_k) return;
  report.findings.push_back(
      {Code::clamped_block_k, batch,
       fmt::format("BLOCK_SIZE_K {} runs as {}, the quantisation block's: write {}", tile.block_size_k, runs, runs)});
}

void check_shared_memory(const Subject& subject, const Problem& problem, std::int64_t batch, const TileConfig& tile,
                         Report& report) {
  if (!subject.gpu || !subject.name->dtype) return;
  const auto least = least_shared_memory(problem.dtype, effective_config(problem, tile), subject.gpu->capability);
  if (!least || *least <= subject.gpu->shared_memory_limit) return;
  report.findings.push_back(
      {Code::shared_memory, batch,
       fmt::format("the tile needs at least {} bytes of shared memory, {} (sm_{}) has {}: fewer num_stages or smaller "
                   "blocks fit",
                   *least, subject.name->device, subject.gpu->capability, subject.gpu->shared_memory_limit)});
}

/// vLLM goes to its CUDA kernel where M * topk / E <= 6 with groups of 32, 64 or 128 (2026-08). A file's name carries
/// neither topk nor group: a row counts when that holds for two experts a token, as few as models have with one
/// exception.
void check_int4(const Subject& subject, const Problem& problem, std::int64_t batch, Report& report) {
  constexpr std::int64_t k_most_tokens_per_expert = 6;
  constexpr std::int64_t k_least_topk = 2;
  if (problem.dtype != Dtype::int4_w4a16 || subject.vendor != Vendor::nvidia) return;
  if (!subject.may_be(EngineFormat::vllm) || batch < 1) return;
  const std::int64_t most_topk = k_most_tokens_per_expert * problem.num_experts / batch;
  if (most_topk < k_least_topk) return;
  report.findings.push_back(
      {Code::int4_cuda, batch,
       fmt::format("up to topk {}, vllm runs its CUDA kernel here (groups of 32, 64, 128), and BLOCK_SIZE_N and "
                   "BLOCK_SIZE_K steer that one: a tile tuned for Triton's says nothing there",
                   std::min(most_topk, problem.num_experts))});
}

/// SGLang's choice without a file (0.5.23), restated; num_warps and num_stages that it leaves out are the compiler's.
std::optional<TileConfig> sglang_default(const Subject& subject, const Problem& problem, std::int64_t batch) {
  const bool few = batch <= problem.num_experts;
  if (problem.dtype != Dtype::fp8_w8a8) {
    return few ? TileConfig{16, 32, 64, 1, 4, 3} : TileConfig{64, 64, 32, 8, 4, 3};
  }
  if (problem.block_shape) return TileConfig{64, problem.block_shape->n, problem.block_shape->k, 32, 4, 3};
  if (!subject.gpu) return std::nullopt;
  constexpr std::int64_t k_small = 128 * 1024;
  if (subject.gpu->shared_memory_limit < k_small) {
    return few ? TileConfig{32, 64, 256, 1, 4, 4} : TileConfig{64, 128, 256, 64, 4, 2};
  }
  return few ? TileConfig{64, 128, 128, 1, 4, 4} : TileConfig{128, 256, 128, 32, 8, 4};
}

void check_default(const Subject& subject, const Problem& problem, std::int64_t batch, const TileConfig& tile,
                   Report& report) {
  if (subject.vendor != Vendor::nvidia || !subject.name->dtype || batch < 1) return;
  // What these take depends on the size of their groups, which the name does not carry.
  if (problem.dtype == Dtype::int4_w4a16 || problem.dtype == Dtype::int8_w8a16) return;
  const bool sglang = subject.is(EngineFormat::sglang);
  const auto standard = sglang ? sglang_default(subject, problem, batch) : default_config(problem, batch);
  if (!standard || effective_config(problem, *standard) != effective_config(problem, tile)) return;
  report.findings.push_back({Code::default_row, batch,
                             fmt::format("the row is the engine's default ({})",
                                         sglang ? "sglang 0.5.23 heuristic" : default_config_source())});
}

}  // namespace

void check_tile(const Subject& subject, std::int64_t batch, const TileConfig& tile, Report& report) {
  if (!subject.name) return;
  const Problem problem = problem_told_by(*subject.name);
  check_clamp(problem, batch, tile, report);
  check_shared_memory(subject, problem, batch, tile, report);
  check_int4(subject, problem, batch, report);
  check_default(subject, problem, batch, tile, report);
}

}  // namespace moetune::schema::lint
