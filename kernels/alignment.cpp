#include "kernels/alignment.hpp"

#include <algorithm>

namespace moetune::kernels {

GemmShape gemm_shape(const schema::Problem& problem, std::int64_t batch, Gemm gemm) {
  if (gemm == Gemm::first) {
    return {.n = problem.intermediate_size * (problem.gated ? 2 : 1),
            .k = problem.hidden_size,
            .a_rows = batch,
            .top_k = problem.topk,
            .mul_routed_weight = problem.router_weight_on_input};
  }
  return {.n = problem.hidden_size,
          .k = problem.intermediate_size,
          .a_rows = batch * problem.topk,
          .top_k = 1,
          .mul_routed_weight = !problem.router_weight_on_input};
}

AlignmentShape alignment_shape(const schema::Problem& problem, std::int64_t batch, int block_size_m,
                               const AlignmentRule& rule) {
  AlignmentShape shape;
  shape.pairs = batch * problem.topk;
  shape.naive = rule.naive && shape.pairs * 4 <= problem.num_experts;
  if (shape.naive) {
    shape.sorted_size = shape.pairs * block_size_m;
    shape.expert_blocks = shape.pairs;
    return shape;
  }
  const std::int64_t experts = problem.num_experts + rule.extra_experts;
  const std::int64_t padded = rule.pairs_limit ? std::min(shape.pairs, experts) : experts;
  const std::int64_t size = shape.pairs + padded * (block_size_m - 1);
  shape.sorted_size = (size + rule.round_to - 1) / rule.round_to * rule.round_to;
  shape.expert_blocks = (shape.sorted_size + block_size_m - 1) / block_size_m;
  return shape;
}

std::int64_t launch_rows(const schema::Problem& problem, std::int64_t batch, int block_size_m, Gemm gemm,
                         const AlignmentRule& rule) {
  const auto alignment = alignment_shape(problem, batch, block_size_m, rule);
  const auto shape = gemm_shape(problem, batch, gemm);
  if (alignment.naive || !rule.rows_limit || shape.a_rows >= block_size_m) return alignment.sorted_size;
  return std::min(alignment.sorted_size, shape.a_rows * shape.top_k * block_size_m);
}

}  // namespace moetune::kernels
