#include "async_copy.cuh"
#include "epilogue.cuh"
#include "mma_sync.cuh"
#include "tile_loader.cuh"
#include "tile_order.cuh"
#include "tile_shape.cuh"
#include "warpgroup_mma.cuh"

// The grouped GEMM of a fused MoE step: C[id] = A[id / top_k] x W[expert]^T for the token-expert pairs `id` that
// sorted_token_ids lists, BLOCK_SIZE_M pairs of one expert a tile. NUM_STAGES buffers in shared memory, of which
// NUM_STAGES - 1 are being filled while one is computed on.

namespace moetune {

template <Path path>
struct TileOf {
  using Type = MmaSyncTile<BLOCK_SIZE_M, BLOCK_SIZE_N>;
};
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
template <>
struct TileOf<Path::wgmma_tokens> {
  using Type = WarpgroupTokensTile<BLOCK_SIZE_M, BLOCK_SIZE_N>;
};
template <>
struct TileOf<Path::wgmma_weights> {
  using Type = WarpgroupWeightsTile<BLOCK_SIZE_M, BLOCK_SIZE_N>;
};
#endif
using Tile = TileOf<k_path>::Type;

constexpr int k_chunks = Tile::k_chunks;
constexpr int k_registers = Tile::k_registers;

__device__ __forceinline__ Stage stage_at(char* shared, int buffer) {
  const u32 base = shared_address(shared) + buffer * k_buffer_bytes;
  const float* scales = reinterpret_cast<const float*>(shared + k_scales_at) + buffer * k_scales;
  return {base, base + k_a_bytes, scales, scales + BLOCK_SIZE_M};
}

// One K tile into the accumulators; `load_next` runs while the tensor cores work where they can.
template <typename LoadNext>
__device__ __forceinline__ void compute_tile(const Tile& tile, const Stage& stage, float (&acc)[k_chunks][k_registers],
                                             const LoadNext& load_next) {
  if constexpr (!Tile::k_asynchronous) {
    load_next();
    if (!tile.active()) return;
    if constexpr (!k_partial) {
#pragma unroll
      for (int c = 0; c < k_chunks; ++c) tile.compute(acc[c], stage, c, false);
    } else {
#pragma unroll(k_oversize ? 1 : k_chunks)
      for (int c = 0; c < k_chunks; ++c) {
        float partial[k_registers];
        tile.compute(partial, stage, c, true);
        tile.fold(acc[c], partial, stage, c);
      }
    }
  } else {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    if constexpr (!k_partial) {
      warpgroup_begin();
#pragma unroll
      for (int c = 0; c < k_chunks; ++c) tile.compute(acc[c], stage, c, false);
      warpgroup_commit();
      load_next();
      warpgroup_wait<0>();
#pragma unroll
      for (int c = 0; c < k_chunks; ++c) pin_registers(acc[c]);
    } else if constexpr (k_oversize) {
      load_next();
#pragma unroll 1
      for (int c = 0; c < k_chunks; ++c) {
        float partial[k_registers];
        warpgroup_begin();
        tile.compute(partial, stage, c, true);
        warpgroup_commit();
        warpgroup_wait<0>();
        pin_registers(partial);
        tile.fold(acc[c], partial, stage, c);
      }
    } else {
      // Two sets of partial sums: one is being computed while the other is scaled and added.
      float partial[k_chunks > 1 ? 2 : 1][k_registers];
      warpgroup_begin();
      tile.compute(partial[0], stage, 0, true);
      warpgroup_commit();
      load_next();
#pragma unroll
      for (int c = 0; c < k_chunks; ++c) {
        if (c + 1 < k_chunks) {
          warpgroup_begin();
          tile.compute(partial[(c + 1) % 2], stage, c + 1, true);
          warpgroup_commit();
          warpgroup_wait<1>();
        } else {
          warpgroup_wait<0>();
        }
        pin_registers(partial[c % 2]);
        tile.fold(acc[c], partial[c % 2], stage, c);
      }
    }
#endif
  }
}

__device__ __forceinline__ void finish_copies_for_tile() {
  wait_for_copies<NUM_STAGES == 1 ? 0 : NUM_STAGES - 2>();
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  if constexpr (Tile::k_asynchronous) fence_for_tensor_cores();
#endif
  __syncthreads();
}

__device__ __forceinline__ void run_pipeline(const TileLoader& loader, const TileLoader::Operands& operands,
                                             const Tile& tile, char* shared, float (&acc)[k_chunks][k_registers]) {
#ifdef MOETUNE_FAULT_DROP_LAST_TILE
  const int tiles = (operands.k + BLOCK_SIZE_K - 1) / BLOCK_SIZE_K - 1;
#else
  const int tiles = (operands.k + BLOCK_SIZE_K - 1) / BLOCK_SIZE_K;
#endif
#pragma unroll 1
  for (int t = 0; t < NUM_STAGES - 1; ++t) {
    if (t < tiles) loader.load(operands, t, t);
    commit_copies();
  }
  int buffer = 0;
  int next_buffer = NUM_STAGES - 1;
#pragma unroll 1
  for (int t = 0; t < tiles; ++t) {
    if constexpr (NUM_STAGES == 1) {
      __syncthreads();
      loader.load(operands, t, 0);
      commit_copies();
    }
    finish_copies_for_tile();
    compute_tile(tile, stage_at(shared, buffer), acc, [&] {
      if constexpr (NUM_STAGES > 1) {
        if (t + NUM_STAGES - 1 < tiles) loader.load(operands, t + NUM_STAGES - 1, next_buffer);
        commit_copies();
      }
    });
    next_buffer = buffer;
    buffer = buffer + 1 == NUM_STAGES ? 0 : buffer + 1;
  }
}

}  // namespace moetune

extern "C" __global__ void __launch_bounds__(moetune::k_threads)
    moe_gemm(const char* __restrict__ a, const char* __restrict__ w, unsigned int* __restrict__ c,
             const float* __restrict__ a_scale, const float* __restrict__ w_scale,
             const float* __restrict__ topk_weights, const int* __restrict__ sorted_token_ids,
             const int* __restrict__ expert_ids, const int* __restrict__ num_tokens_post_padded, int n, int k, int em,
             int num_valid_tokens, int stride_am, long long stride_be, int stride_bn, int stride_cm, int stride_asm,
             int stride_bse, int stride_bsn, int top_k, int mul_routed_weight, int group_size_m) {
  using namespace moetune;
  extern __shared__ __align__(1024) char shared[];

  const TileCoordinates at = tile_coordinates(blockIdx.x, (em + BLOCK_SIZE_M - 1) / BLOCK_SIZE_M,
                                              (n + BLOCK_SIZE_N - 1) / BLOCK_SIZE_N, group_size_m);
  const int first_m = at.m * BLOCK_SIZE_M;
  const int first_n = at.n * BLOCK_SIZE_N;
  // All metadata is asked for before any of it is used: one latency instead of three.
  const bool naive = sorted_token_ids == nullptr;
  const int expert = expert_ids[at.m];
  const int padded_rows = naive ? em : *num_tokens_post_padded;
  const auto id_of = [&](int row) {
    if (naive) return row == 0 ? at.m : num_valid_tokens;
    return first_m + row < em ? sorted_token_ids[first_m + row] : num_valid_tokens;
  };
  const TopkDivider divide(top_k);
  const TileLoader loader(shared, first_n, [&](int row) {
    const int id = id_of(row);
    return id < num_valid_tokens ? divide(id) : -1;
  });
  if (first_m >= padded_rows) return;

  i32* ids = reinterpret_cast<i32*>(shared + k_ids_at);
  float* router = reinterpret_cast<float*>(shared + k_router_at);
#pragma unroll
  for (int i = 0; i < (BLOCK_SIZE_M + k_threads - 1) / k_threads; ++i) {
    const int row = i * k_threads + threadIdx.x;
    if (row >= BLOCK_SIZE_M) break;
    const int id = id_of(row);
    ids[row] = id;
    router[row] = mul_routed_weight != 0 && id < num_valid_tokens ? topk_weights[id] : 1.0f;
  }

  const OutputRows out(shared, c, stride_cm, n, first_n, num_valid_tokens);
  if (expert < 0) {
    __syncthreads();
    out.store_zeros();
    return;
  }
  const TileLoader::Operands operands{a,
                                      w + static_cast<i64>(expert) * stride_be * k_operand_bytes,
                                      a_scale,
                                      w_scale + static_cast<i64>(expert) * stride_bse,
                                      n,
                                      k,
                                      static_cast<u32>(stride_am) * k_operand_bytes,
                                      static_cast<u32>(stride_bn) * k_operand_bytes,
                                      stride_asm,
                                      stride_bsn};
  const Tile tile;
  float acc[k_chunks][k_registers];
#pragma unroll(k_oversize ? 1 : k_chunks)
  for (int chunk = 0; chunk < k_chunks; ++chunk) {
#pragma unroll
    for (int i = 0; i < k_registers; ++i) acc[chunk][i] = 0.0f;
  }
  run_pipeline(loader, operands, tile, shared, acc);
  // Copies of stages that no tile filled may still be pending, and with no K tile nobody has waited for the ids.
  wait_for_copies<0>();
  __syncthreads();
  if (!tile.active()) return;
#pragma unroll(k_oversize ? 1 : k_chunks)
  for (int chunk = 0; chunk < k_chunks; ++chunk) tile.store(acc[chunk], out, chunk);
}
