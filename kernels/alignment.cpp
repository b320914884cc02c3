#include "kernels/alignment.hpp"

#include <fmt/format.h>

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

std::string_view name_of(SmallBatch small_batch) {
  return small_batch == SmallBatch::naive ? "naive" : "aligned";
}

schema::Result<SmallBatch> small_batch_from_name(std::string_view name) {
  for (const auto small_batch : {SmallBatch::naive, SmallBatch::aligned}) {
    if (name_of(small_batch) == name) return small_batch;
  }
  return schema::fail(schema::ErrorCode::invalid_argument,
                      fmt::format("\"{}\" is no way to take small batches; use naive or aligned", name));
}

AlignmentShape alignment_shape(const schema::Problem& problem, std::int64_t batch, int block_size_m,
                               SmallBatch small_batch) {
  AlignmentShape shape;
  shape.pairs = batch * problem.topk;
  shape.naive = small_batch == SmallBatch::naive && shape.pairs * 4 <= problem.num_experts;
  if (shape.naive) {
    shape.sorted_size = shape.pairs * block_size_m;
    shape.expert_blocks = shape.pairs;
    return shape;
  }
  shape.sorted_size = shape.pairs + problem.num_experts * (block_size_m - 1);
  if (shape.pairs < problem.num_experts) shape.sorted_size = std::min(shape.sorted_size, shape.pairs * block_size_m);
  shape.expert_blocks = (shape.sorted_size + block_size_m - 1) / block_size_m;
  return shape;
}

std::int64_t launch_rows(const schema::Problem& problem, std::int64_t batch, int block_size_m, Gemm gemm,
                         SmallBatch small_batch) {
  const auto alignment = alignment_shape(problem, batch, block_size_m, small_batch);
  const auto shape = gemm_shape(problem, batch, gemm);
  if (alignment.naive || shape.a_rows >= block_size_m) return alignment.sorted_size;
  return std::min(alignment.sorted_size, shape.a_rows * shape.top_k * block_size_m);
}

}  // namespace moetune::kernels
