#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/alignment.hpp"
#include "kernels/cuda_kernel.hpp"
#include "schema/problem.hpp"

// The fused MoE step in float64 on the CPU: what the tests hold the device code against. Shares no code with it.
namespace moetune::kernels::reference {

/// Raw elements of a tensor to doubles.
std::vector<double> decode(std::span<const std::byte> bytes, Operand type);
std::vector<double> decode_floats(std::span<const std::byte> bytes);
std::vector<std::int32_t> decode_ints(std::span<const std::byte> bytes);

struct Operands {
  std::vector<double> a, w;              ///< (a_rows, k), (E, n, k)
  std::vector<double> a_scale, w_scale;  ///< empty for an operand that is not quantised
  std::vector<double> topk_weights;      ///< (pairs)
  std::vector<std::int32_t> topk_ids;    ///< (pairs)
};
/// C (pairs, n).
std::vector<double> gemm(const schema::Problem& problem, std::int64_t batch, Gemm which, const Operands& operands);

/// silu(gate) * up, or relu^2 when not gated: (pairs, 2N or N) -> (pairs, N).
std::vector<double> activate(const schema::Problem& problem, const std::vector<double>& in);
/// (batch * topk, n) -> (batch, n).
std::vector<double> reduce(const std::vector<double>& in, std::int64_t topk, std::int64_t n);

struct Alignment {
  std::vector<std::int32_t> sorted_token_ids;  ///< empty on the small-batch path
  std::vector<std::int32_t> expert_ids;        ///< of the blocks in use
  std::int32_t num_tokens_post_padded = 0;
};
Alignment align(const schema::Problem& problem, std::int64_t batch, int block_size_m,
                const std::vector<std::int32_t>& topk_ids, const AlignmentRule& rule = {});

/// ||actual - expected|| / ||expected|| in the Frobenius norm; not a number propagates.
double relative_error(const std::vector<double>& actual, const std::vector<double>& expected);

}  // namespace moetune::kernels::reference
