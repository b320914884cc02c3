#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/alignment.hpp"
#include "kernels/expert_popularity.hpp"
#include "schema/error.hpp"
#include "schema/group.hpp"
#include "schema/problem.hpp"

namespace moetune::kernels {

/// Expected number of distinct experts that `batch` tokens touch under uniform routing: E (1 - (1 - topk / E)^batch).
double expected_experts(const schema::Problem& problem, std::int64_t batch);

/// True for work that heats the clock down when it is kept up: above 48 operations per byte of touched weights. On the
/// H200, bf16 with E=128 falls from 1980 to 1500-1700 MHz after 35 ms at M = 1024 (64 per byte) and never at M = 512
/// (32 per byte). Where the clock falls all the same, PowerWatch sees it.
bool is_heavy(const schema::Problem& problem, std::int64_t batch, const ExpertPopularity& popularity = {});

/// Bytes of one copy of the weights.
struct WeightSizes {
  std::int64_t w1 = 0;
  std::int64_t w1_scale = 0;
  std::int64_t w2 = 0;
  std::int64_t w2_scale = 0;
  std::int64_t total() const { return w1 + w1_scale + w2 + w2_scale; }
};
WeightSizes weight_sizes(const schema::Problem& problem);

/// How one batch is measured.
struct BatchPlan {
  std::int64_t batch = 0;
  std::int64_t passes = 1;      ///< L: passes in one graph
  std::int64_t routings = 1;    ///< distinct routings; pass i uses i modulo this
  std::int64_t checked = 0;     ///< token-expert pairs that are compared with the reference
  std::int64_t check_step = 1;  ///< every how many pairs one is compared
  bool heavy = false;
  AlignmentRule rule = {};
};

/// Bytes that stay on the device for one batch.
struct BatchSizes {
  std::int64_t x = 0;   ///< (batch, hidden_size) of act_dtype
  std::int64_t a1 = 0;  ///< quantised x; 0 when x itself is GEMM 1's operand
  std::int64_t a1_scale = 0;
  std::int64_t a2 = 0;  ///< GEMM 2's operand, (pairs, N), from the reference
  std::int64_t a2_scale = 0;
  std::int64_t topk_ids = 0;     ///< of one routing
  std::int64_t reference_1 = 0;  ///< float (checked, columns of GEMM 1)
  std::int64_t reference_2 = 0;  ///< float (checked, hidden_size)
  std::int64_t alignment = 0;    ///< of all routings and every BLOCK_SIZE_M from 16 to 256
  std::int64_t total(std::int64_t routings) const;
};
BatchSizes batch_sizes(const schema::Problem& problem, const BatchPlan& plan);

/// Bytes of the intermediates that all batches share, sized by the largest.
struct WorkspaceSizes {
  std::int64_t c1 = 0;          ///< (pairs, columns of GEMM 1) of act_dtype
  std::int64_t activation = 0;  ///< (pairs, N) of act_dtype
  std::int64_t a2 = 0;          ///< the activation quantised; 0 when it is GEMM 2's operand itself
  std::int64_t a2_scale = 0;
  std::int64_t c2 = 0;   ///< (pairs, hidden_size) of act_dtype
  std::int64_t out = 0;  ///< (batch, hidden_size) of act_dtype
  std::int64_t total() const { return c1 + activation + a2 + a2_scale + c2 + out; }
};
WorkspaceSizes workspace_sizes(const schema::Problem& problem, std::int64_t largest_batch);

/// What a problem keeps on the device, and how its batches are measured there.
struct ResidencyPlan {
  std::vector<BatchPlan> batches;
  std::int64_t weight_sets = 1;      ///< distinct copies of all weights; pass i uses i modulo this
  std::int64_t popularity_rows = 0;  ///< of ExpertPopularity::table; pass i uses row i. 0 for uniform routing
  std::int64_t total_bytes = 0;
};

/// Bytes of that table.
std::int64_t popularity_bytes(const schema::Problem& problem, const ResidencyPlan& plan);

/// Cold: one replay touches weights of at least 6 times the L2, from as many distinct copies as it has passes; when
/// memory is short from fewer, as long as at most 5 % of what a pass touches can still be in L2. Warm: as many passes,
/// over one copy and one routing. `rule` is the kernel's; `popularity` says how many experts a pass touches: of skewed
/// routing fewer, so that it takes more passes. Pure. Errors: too_large when the least of that and
/// 512 MiB for code do not fit into `free_bytes`, with both figures in message and detail.
schema::Result<ResidencyPlan> plan_residency(const schema::Problem& problem, std::span<const std::int64_t> batches,
                                             schema::L2 l2, std::int64_t l2_bytes, std::int64_t free_bytes,
                                             const AlignmentRule& rule = {}, const ExpertPopularity& popularity = {});

/// "12.3 GiB".
std::string size_text(std::int64_t bytes);

}  // namespace moetune::kernels
