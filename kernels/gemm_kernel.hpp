#pragma once

#include <cstdint>

#include "kernels/alignment.hpp"
#include "kernels/cuda_driver.hpp"
#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

namespace moetune::kernels {

/// Pointers of one launch. Scales are null for operands that are not quantised, sorted_token_ids is null on the
/// small-batch path.
struct GemmPointers {
  DeviceAddress a = 0;        ///< (a_rows, k)
  DeviceAddress w = 0;        ///< (E, n, k)
  DeviceAddress c = 0;        ///< (M * topk, n) of act_dtype
  DeviceAddress a_scale = 0;  ///< float: by block (a_rows, ceil(k / block_k)), by row (a_rows, 1), or (1)
  DeviceAddress w_scale = 0;  ///< float: by block (E, ceil(n / block_n), ceil(k / block_k)), by channel (E, n), or (E)
  DeviceAddress topk_weights = 0;            ///< float (M * topk); read when mul_routed_weight
  DeviceAddress sorted_token_ids = 0;        ///< int32 (sorted_size)
  DeviceAddress expert_ids = 0;              ///< int32 (expert_blocks)
  DeviceAddress num_tokens_post_padded = 0;  ///< int32 (1)
};

/// One of the two GEMMs of a step, to be launched with contiguous operands in the layouts of GemmPointers.
struct GemmCall {
  schema::Problem problem;
  schema::TileConfig config;  ///< need not be effective
  std::int64_t batch = 0;
  Gemm gemm = Gemm::first;
  AlignmentRule rule = {};
  GemmPointers pointers;
};

/// A compiled kernel, loaded into the current context, that computes one GEMM or both. Not thread-safe.
class GemmKernel {
 public:
  virtual ~GemmKernel() = default;
  virtual Result<void> launch(const Stream& stream, const GemmCall& call) const = 0;
};

}  // namespace moetune::kernels
