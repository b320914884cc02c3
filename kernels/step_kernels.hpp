#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/alignment.hpp"
#include "kernels/cuda_driver.hpp"
#include "kernels/cuda_kernel.hpp"
#include "schema/problem.hpp"

namespace moetune::kernels {

/// The SHA-256 of the device source of the step unit.
const std::string& step_digest();

/// What to hand to NVRTC for the rest of the step. The machine code depends on the architecture alone: types, shapes
/// and block sizes are run-time arguments.
CompileRequest step_compile_request(const std::string& arch);

/// Device memory that align() fills, sized by alignment_shape().
struct AlignmentPointers {
  DeviceAddress sorted_token_ids = 0;        ///< int32 (sorted_size); unused on the small-batch path, may be null there
  DeviceAddress expert_ids = 0;              ///< int32 (expert_blocks)
  DeviceAddress num_tokens_post_padded = 0;  ///< int32 (1)
  DeviceAddress workspace = 0;               ///< int32 (2 * E + 1)
};

/// Which rows of C a check looks at: first, first + step, ... (count of them), each a token-expert pair.
struct PairSample {
  std::int64_t first = 0;
  std::int64_t step = 1;
  std::int64_t count = 0;
};

/// Everything of the step but the tuned GEMMs: alignment, activation, quantisation, reduction, random inputs, and an
/// independent reference with its comparison. Launches only; nothing waits unless it says so. Owns its module; use it
/// on the thread whose context is current.
class StepKernels {
 public:
  /// `cubin` comes from step_compile_request for the device's architecture.
  static Result<StepKernels> load(std::span<const std::byte> cubin);

  /// topk_ids: int32 (batch, topk), ids from 0 to E - 1. Sorted by expert, within an expert by pair; padded with
  /// batch * topk up to the end of sorted_token_ids; unused expert_ids are -1.
  Result<void> align(const Stream& stream, const schema::Problem& problem, std::int64_t batch, int block_size_m,
                     DeviceAddress topk_ids, const AlignmentPointers& out, const AlignmentRule& rule = {}) const;
  /// in (pairs, 2N) -> out (pairs, N), both act_dtype: silu(in[:, :N]) * in[:, N:]. Not gated: in (pairs, N),
  /// relu(in)^2.
  Result<void> activate(const Stream& stream, const schema::Problem& problem, std::int64_t pairs, DeviceAddress in,
                        DeviceAddress out) const;
  /// in (rows, k) of act_dtype -> out (rows, k) fp8 e4m3 and float scales, the largest magnitude that they stand for
  /// / 448: (rows, ceil(k / block_k)) with block_shape, (rows, 1) with per_channel_quant, else (1). Errors: internal
  /// for a problem whose activations are not quantised.
  Result<void> quantise(const Stream& stream, const schema::Problem& problem, std::int64_t rows, std::int64_t k,
                        DeviceAddress in, DeviceAddress out, DeviceAddress scale) const;
  /// The same by the one scale that `scale` holds; larger values saturate.
  Result<void> quantise_by(const Stream& stream, const schema::Problem& problem, std::int64_t rows, std::int64_t k,
                           DeviceAddress in, DeviceAddress out, DeviceAddress scale) const;
  /// in (batch * topk, hidden_size) -> out (batch, hidden_size), both act_dtype: the sum over topk in float.
  Result<void> reduce(const Stream& stream, const schema::Problem& problem, std::int64_t batch, DeviceAddress in,
                      DeviceAddress out) const;

  /// `count` values of a rough normal distribution with that standard deviation, never zero.
  Result<void> random_values(const Stream& stream, Operand type, DeviceAddress out, std::int64_t count, float deviation,
                             std::uint64_t seed) const;
  /// `count` floats, uniform from low to high.
  Result<void> random_floats(const Stream& stream, DeviceAddress out, std::int64_t count, float low, float high,
                             std::uint64_t seed) const;
  /// Uniform routing: topk_ids int32 (batch, topk), distinct within a token; topk_weights float (batch, topk),
  /// positive, each token's sum is 1.
  Result<void> random_routing(const Stream& stream, const schema::Problem& problem, std::int64_t batch,
                              DeviceAddress topk_ids, DeviceAddress topk_weights, std::uint64_t seed) const;

  /// The same with experts drawn without replacement, their odds in proportion to `popularity`: float (E) on the
  /// device, none below 0 and at least topk above it.
  Result<void> popular_routing(const Stream& stream, const schema::Problem& problem, std::int64_t batch,
                               DeviceAddress popularity, DeviceAddress topk_ids, DeviceAddress topk_weights,
                               std::uint64_t seed) const;

  /// Plain loops over the same operands as the tuned GEMM, accumulated in double: out float (sample.count, n).
  /// Of `pointers` it reads a, w, their scales and topk_weights; the expert of pair p is topk_ids[p].
  Result<void> reference_gemm(const Stream& stream, const schema::Problem& problem, std::int64_t batch, Gemm gemm,
                              const GemmPointers& pointers, DeviceAddress topk_ids, const PairSample& sample,
                              DeviceAddress out) const;
  /// in float (sample.count, n) -> the sampled rows of out (pairs, n) of act_dtype, rounded; other rows stay.
  Result<void> round_rows(const Stream& stream, const schema::Problem& problem, DeviceAddress in, std::int64_t n,
                          const PairSample& sample, DeviceAddress out) const;
  /// ||c[sample] - expected|| / ||expected|| in the Frobenius norm; c (M * topk, n) of act_dtype, expected float
  /// (sample.count, n). Not a number when anything is not finite. Waits; uses `workspace`, 16 bytes.
  Result<double> relative_error(const Stream& stream, const schema::Problem& problem, DeviceAddress c, std::int64_t n,
                                const PairSample& sample, DeviceAddress expected, const DeviceBuffer& workspace) const;

 private:
  enum class Kernel : std::size_t;
  StepKernels() = default;
  const Function& function(Kernel kernel) const { return functions_[static_cast<std::size_t>(kernel)]; }
  Module module_;
  std::vector<Function> functions_;
};

}  // namespace moetune::kernels
