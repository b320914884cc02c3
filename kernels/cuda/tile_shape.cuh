#pragma once

#include "numbers.cuh"

// What follows at compile time from the tile: the kernel's path, the layout of shared memory, the registers.
// Macros given by the host: BLOCK_SIZE_M, BLOCK_SIZE_N, BLOCK_SIZE_K, NUM_WARPS, NUM_STAGES,
// MOETUNE_OPERAND_{BF16,F16,FP8}, MOETUNE_OUTPUT_{BF16,F16}, and for fp8 QUANT_BLOCK_N, QUANT_BLOCK_K.

namespace moetune {

constexpr int k_threads = NUM_WARPS * 32;

#ifdef MOETUNE_OPERAND_FP8
constexpr bool k_scaled = true;
constexpr int k_operand_bytes = 1;
constexpr int k_quant_n = QUANT_BLOCK_N;
constexpr int k_quant_k = QUANT_BLOCK_K;
#else
constexpr bool k_scaled = false;
constexpr int k_operand_bytes = 2;
constexpr int k_quant_n = 1024;
constexpr int k_quant_k = 1024;
#endif

__device__ constexpr int min_of(int a, int b) {
  return a < b ? a : b;
}
__device__ constexpr int max_of(int a, int b) {
  return a > b ? a : b;
}

// --- Shared memory: NUM_STAGES buffers (rows of A, then rows of W), their scales, ids and router weights of the rows.
// A buffer's row is cut into panels of at most 128 bytes: panel p holds bytes p * k_panel_bytes ... of all rows.
// The 16-byte chunks of a panel are swizzled with the row, as wgmma and conflict-free ldmatrix want it.
constexpr int k_row_bytes = BLOCK_SIZE_K * k_operand_bytes;
constexpr int k_panel_bytes = min_of(k_row_bytes, 128);
constexpr int k_chunks_per_row = k_row_bytes / 16;
constexpr int k_chunks_per_panel = k_panel_bytes / 16;
constexpr int k_a_bytes = BLOCK_SIZE_M * k_row_bytes;
constexpr int k_buffer_bytes = ((BLOCK_SIZE_M + BLOCK_SIZE_N) * k_row_bytes + 1023) / 1024 * 1024;
constexpr int k_w_scales = k_scaled ? max_of(BLOCK_SIZE_N / k_quant_n, 1) : 0;
constexpr int k_scales = k_scaled ? BLOCK_SIZE_M + k_w_scales : 0;
constexpr int k_scales_at = NUM_STAGES * k_buffer_bytes;
constexpr int k_ids_at = k_scales_at + NUM_STAGES * k_scales * 4;
constexpr int k_router_at = k_ids_at + BLOCK_SIZE_M * 4;

// The offset of a 16-byte chunk of a row within a part of `rows` rows.
template <int rows>
__device__ __forceinline__ int chunk_offset(int row, int chunk) {
  const int panel = chunk / k_chunks_per_panel;
  const int turn = k_panel_bytes == 128 ? row & 7 : k_panel_bytes == 64 ? (row >> 1) & 3 : (row >> 2) & 1;
  return panel * (rows * k_panel_bytes) + row * k_panel_bytes + (((chunk % k_chunks_per_panel) ^ turn) << 4);
}

// --- Path. A warpgroup's wgmma computes 64 rows by up to 256 columns. A tile of 64 or more tokens puts tokens on the
// rows; a tile of fewer puts weights there, so that few tokens still use the full width of the tensor cores.
enum class Path { mma_sync, wgmma_tokens, wgmma_weights };

constexpr int k_warpgroups = max_of(NUM_WARPS / 4, 1);

__device__ constexpr Path choose_path() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL) && !defined(MOETUNE_NO_WGMMA)
  if (NUM_WARPS % 4 != 0) return Path::mma_sync;
  if (BLOCK_SIZE_M >= 64) {
    const int groups_m = max_of(min_of(BLOCK_SIZE_M / 64, k_warpgroups), 1);
    return BLOCK_SIZE_N / (k_warpgroups / groups_m) >= 8 ? Path::wgmma_tokens : Path::mma_sync;
  }
  if (BLOCK_SIZE_N >= 64 * k_warpgroups) return Path::wgmma_weights;
#endif
  return Path::mma_sync;
}
constexpr Path k_path = choose_path();

// --- Accumulators. Beyond the limit they are kept in local memory on purpose: a loop that is not unrolled compiles
// fast and stays correct, where registers would spill anyway.
constexpr int k_accumulators = BLOCK_SIZE_M * BLOCK_SIZE_N / k_threads;
constexpr bool k_oversize = k_accumulators > (k_threads <= 256 ? 128 : 64);
// Scaled tiles compute partial sums of one K tile and add them to the accumulators; so do oversize ones.
constexpr bool k_partial = k_scaled || k_oversize;

}  // namespace moetune
