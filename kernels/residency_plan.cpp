#include "kernels/residency_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/quantisation.hpp"

namespace moetune::kernels {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Problem;
using schema::Result;

constexpr std::int64_t k_l2_multiple = 6;
constexpr std::int64_t k_max_passes = 512;  // tiny problems: their whole weights fit into L2 many times
constexpr double k_max_warm_share = 0.05;
constexpr std::int64_t k_code_bytes = 512LL << 20;  // modules, their local memory, the driver's own needs
constexpr double k_heavy_intensity = 48;
constexpr std::int64_t k_reference_operations = 20'000'000'000;  // 10 ms or so on an H200
constexpr std::int64_t k_reference_bytes = 512LL << 20;
constexpr std::int64_t k_act_bytes = 2;
constexpr std::int64_t k_word = 4;
constexpr int k_smallest_tile = 16;
constexpr int k_largest_tile = 256;

std::int64_t ceil_div(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

std::int64_t weight_bytes(const Problem& problem) {
  return bytes_of(weight_operand(problem));
}

/// Of A's scales in the GEMM, which are none where A is not quantised.
std::int64_t row_scale_bytes(const Problem& problem, const GemmShape& gemm) {
  return activation_scales(problem, gemm.a_rows, gemm.n, gemm.k) * k_word;
}

/// Of A, quantised; 0 where the activation itself is A.
std::int64_t quantised_bytes(const Problem& problem, const GemmShape& gemm) {
  return quantises_activations(problem) ? gemm.a_rows * gemm.k * bytes_of(activation_operand(problem)) : 0;
}

BatchPlan plan_batch(const Problem& problem, std::int64_t batch, schema::L2 l2, std::int64_t l2_bytes,
                     const ExpertPopularity& popularity) {
  BatchPlan plan;
  plan.batch = batch;
  plan.heavy = is_heavy(problem, batch, popularity);
  const double per_expert =
      static_cast<double>(weight_sizes(problem).total()) / static_cast<double>(problem.num_experts);
  const double touched = popularity.touched(problem, batch) * per_expert;
  const double passes = std::ceil(static_cast<double>(k_l2_multiple * l2_bytes) / touched);
  plan.passes = std::clamp<std::int64_t>(static_cast<std::int64_t>(passes), 1, k_max_passes);
  plan.routings = l2 == schema::L2::cold ? plan.passes : 1;
  const auto first = gemm_shape(problem, batch, Gemm::first);
  const auto second = gemm_shape(problem, batch, Gemm::second);
  const std::int64_t operations = 2 * (first.n * first.k + second.n * second.k);
  const std::int64_t bytes = (first.n + second.n) * k_word;
  const std::int64_t most =
      std::max<std::int64_t>(1, std::min(k_reference_operations / operations, k_reference_bytes / bytes));
  const std::int64_t pairs = batch * problem.topk;
  plan.check_step = ceil_div(pairs, most);
  // An even step could meet the same of a token's experts every time.
  if (plan.check_step > 1) plan.check_step |= 1;
  plan.checked = ceil_div(pairs, plan.check_step);
  return plan;
}

std::int64_t fewest_sets(std::int64_t most, std::int64_t set_bytes, schema::L2 l2, std::int64_t l2_bytes) {
  if (l2 == schema::L2::warm) return 1;
  const double enough = std::ceil(static_cast<double>(l2_bytes) / (k_max_warm_share * static_cast<double>(set_bytes)));
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(enough), 1, most);
}

}  // namespace

double expected_experts(const Problem& problem, std::int64_t batch) {
  return ExpertPopularity().touched(problem, batch);
}

bool is_heavy(const Problem& problem, std::int64_t batch, const ExpertPopularity& popularity) {
  const double pairs = static_cast<double>(batch * problem.topk);
  return 2 * pairs / (popularity.touched(problem, batch) * static_cast<double>(weight_bytes(problem))) >
         k_heavy_intensity;
}

WeightSizes weight_sizes(const Problem& problem) {
  const auto first = gemm_shape(problem, 1, Gemm::first);
  const auto second = gemm_shape(problem, 1, Gemm::second);
  const std::int64_t unit = problem.num_experts * weight_bytes(problem);
  return {.w1 = unit * first.n * first.k,
          .w1_scale = weight_scales(problem, first.n, first.k) * k_word,
          .w2 = unit * second.n * second.k,
          .w2_scale = weight_scales(problem, second.n, second.k) * k_word};
}

std::int64_t BatchSizes::total(std::int64_t routings) const {
  return x + a1 + a1_scale + a2 + a2_scale + 2 * topk_ids * routings + reference_1 + reference_2 + alignment;
}

BatchSizes batch_sizes(const Problem& problem, const BatchPlan& plan) {
  const auto first = gemm_shape(problem, plan.batch, Gemm::first);
  const auto second = gemm_shape(problem, plan.batch, Gemm::second);
  BatchSizes sizes;
  sizes.x = first.a_rows * first.k * k_act_bytes;
  sizes.a1 = quantised_bytes(problem, first);
  sizes.a1_scale = row_scale_bytes(problem, first);
  sizes.a2 = second.a_rows * second.k * bytes_of(activation_operand(problem));
  sizes.a2_scale = row_scale_bytes(problem, second);
  sizes.topk_ids = second.a_rows * k_word;
  sizes.reference_1 = plan.checked * first.n * k_word;
  sizes.reference_2 = plan.checked * second.n * k_word;
  for (int tile = k_smallest_tile; tile <= k_largest_tile; tile *= 2) {
    const auto shape = alignment_shape(problem, plan.batch, tile, plan.rule);
    sizes.alignment += plan.routings * (shape.sorted_size + shape.expert_blocks + 1) * k_word;
  }
  return sizes;
}

WorkspaceSizes workspace_sizes(const Problem& problem, std::int64_t largest_batch) {
  const auto first = gemm_shape(problem, largest_batch, Gemm::first);
  const auto second = gemm_shape(problem, largest_batch, Gemm::second);
  const std::int64_t pairs = second.a_rows;
  WorkspaceSizes sizes;
  sizes.c1 = pairs * first.n * k_act_bytes;
  sizes.activation = pairs * second.k * k_act_bytes;
  sizes.a2 = quantised_bytes(problem, second);
  sizes.a2_scale = row_scale_bytes(problem, second);
  sizes.c2 = pairs * second.n * k_act_bytes;
  sizes.out = largest_batch * second.n * k_act_bytes;
  return sizes;
}

std::int64_t popularity_bytes(const Problem& problem, const ResidencyPlan& plan) {
  return plan.popularity_rows * problem.num_experts * k_word;
}

Result<ResidencyPlan> plan_residency(const Problem& problem, std::span<const std::int64_t> batches, schema::L2 l2,
                                     std::int64_t l2_bytes, std::int64_t free_bytes, const AlignmentRule& rule,
                                     const ExpertPopularity& popularity) {
  if (batches.empty()) return fail(ErrorCode::invalid_argument, "there is no batch to measure");
  ResidencyPlan plan;
  std::int64_t most_passes = 1;
  std::int64_t rest = workspace_sizes(problem, *std::ranges::max_element(batches)).total() + k_code_bytes;
  for (const std::int64_t batch : batches) {
    plan.batches.push_back(plan_batch(problem, batch, l2, l2_bytes, popularity));
    plan.batches.back().rule = rule;
    most_passes = std::max(most_passes, plan.batches.back().passes);
    rest += batch_sizes(problem, plan.batches.back()).total(plan.batches.back().routings);
  }
  if (!popularity.is_uniform()) plan.popularity_rows = l2 == schema::L2::cold ? most_passes : 1;
  rest += popularity_bytes(problem, plan);
  const std::int64_t set_bytes = weight_sizes(problem).total();
  const std::int64_t fewest = fewest_sets(most_passes, set_bytes, l2, l2_bytes);
  const std::int64_t most = l2 == schema::L2::cold ? most_passes : 1;
  plan.weight_sets = std::clamp((free_bytes - rest) / set_bytes, fewest, most);
  plan.total_bytes = rest + plan.weight_sets * set_bytes;
  if (plan.total_bytes > free_bytes) {
    return fail(
        ErrorCode::too_large,
        fmt::format("{} needs {} of device memory for batches up to {} and {} are free: ask for smaller batches, "
                    "shard the model over more GPUs, or end what else uses the GPU",
                    short_text(problem), size_text(plan.total_bytes), *std::ranges::max_element(batches),
                    size_text(free_bytes)),
        {{"needed_bytes", plan.total_bytes}, {"free_bytes", free_bytes}});
  }
  return plan;
}

std::string size_text(std::int64_t bytes) {
  const auto amount = static_cast<double>(bytes);
  if (bytes >= 1LL << 30) return fmt::format("{:.1f} GiB", amount / static_cast<double>(1LL << 30));
  return fmt::format("{:.1f} MiB", amount / static_cast<double>(1LL << 20));
}

}  // namespace moetune::kernels
