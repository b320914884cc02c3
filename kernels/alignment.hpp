#pragma once

#include <cstdint>

#include "kernels/alignment_rule.hpp"
#include "schema/problem.hpp"

namespace moetune::kernels {

/// The two grouped GEMMs of a step.
enum class Gemm { first, second };

/// Rows and columns of one GEMM: C (M * topk, n) = A (a_rows, k) x W (E, n, k)^T; row r of C reads row r / top_k of A.
struct GemmShape {
  std::int64_t n = 0;
  std::int64_t k = 0;
  std::int64_t a_rows = 0;
  std::int64_t top_k = 1;
  bool mul_routed_weight = false;
  bool operator==(const GemmShape&) const = default;
};
GemmShape gemm_shape(const schema::Problem& problem, std::int64_t batch, Gemm gemm);

/// How many entries the alignment of `batch` tokens to row blocks of `block_size_m` has.
struct AlignmentShape {
  std::int64_t pairs = 0;          ///< batch * topk, which is also the padding value of sorted_token_ids
  bool naive = false;              ///< small batch: no sorted_token_ids, expert_ids is topk_ids flattened
  std::int64_t sorted_size = 0;    ///< elements of sorted_token_ids; naive: pairs * block_size_m, without such an array
  std::int64_t expert_blocks = 0;  ///< elements of expert_ids
  bool operator==(const AlignmentShape&) const = default;
};
AlignmentShape alignment_shape(const schema::Problem& problem, std::int64_t batch, int block_size_m,
                               const AlignmentRule& rule = {});

/// EM of one launch: the rows that its grid covers.
std::int64_t launch_rows(const schema::Problem& problem, std::int64_t batch, int block_size_m, Gemm gemm,
                         const AlignmentRule& rule = {});

}  // namespace moetune::kernels
