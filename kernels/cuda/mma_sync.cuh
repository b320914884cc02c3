#pragma once

#include "epilogue.cuh"
#include "tile_shape.cuh"

// Tiles computed with mma.sync: every architecture from sm_80, and small tiles on Hopper.

namespace moetune {

// One buffer of the pipeline.
struct Stage {
  u32 a;  // shared-memory addresses
  u32 w;
  const float* a_scale;
  const float* w_scale;
};

struct WarpGrid {
  int m;
  int n;
};

// Cuts the tile among the warps, the longer side first; warps beyond the smallest share (16 x 8) only load.
template <int block_m, int block_n>
__device__ constexpr WarpGrid warp_grid() {
  WarpGrid grid{1, 1};
  while (grid.m * grid.n < NUM_WARPS) {
    const int rows = block_m / grid.m;
    const int columns = block_n / grid.n;
    if (columns > 8 && (columns >= rows || rows == 16)) {
      grid.n *= 2;
    } else if (rows > 16) {
      grid.m *= 2;
    } else {
      break;
    }
  }
  return grid;
}

// sm_89 and sm_12x multiply e4m3 natively. On sm_90 and sm_10x the compiler replaces this mma.sync by conversions, f16
// products and extra additions; widening here is cheaper, and the only way on sm_8x before 89.
#if defined(MOETUNE_OPERAND_FP8) && !defined(MOETUNE_NATIVE_E4M3) && \
    (__CUDA_ARCH__ < 890 || (__CUDA_ARCH__ >= 900 && __CUDA_ARCH__ < 1200))
constexpr bool k_widen = true;
#else
constexpr bool k_widen = false;
#endif

struct Fragment4 {
  u32 x[4];
};

__device__ __forceinline__ Fragment4 load_matrices(u32 address) {
  Fragment4 f;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(f.x[0]), "=r"(f.x[1]), "=r"(f.x[2]), "=r"(f.x[3])
               : "r"(address)
               : "memory");
  return f;
}

__device__ __forceinline__ void mma_half(float* d, const u32 (&a)[4], u32 b0, u32 b1) {
#ifdef MOETUNE_OPERAND_BF16
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
#endif
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// d += A x W^T over 32 bytes of K: 16 rows of A, 8 of W.
__device__ __forceinline__ void multiply(float* d, const Fragment4& a, u32 b0, u32 b1) {
#ifdef MOETUNE_OPERAND_FP8
  if constexpr (k_widen) {
    // The order within K is free as long as both operands agree: each 16 bytes become one product of 16 values.
    const HalfPairs a0 = widen_e4m3(a.x[0]), a1 = widen_e4m3(a.x[1]), a2 = widen_e4m3(a.x[2]), a3 = widen_e4m3(a.x[3]);
    const HalfPairs w0 = widen_e4m3(b0), w1 = widen_e4m3(b1);
    mma_half(d, {a0.low, a1.low, a0.high, a1.high}, w0.low, w0.high);
    mma_half(d, {a2.low, a3.low, a2.high, a3.high}, w1.low, w1.high);
  } else {
#if __CUDA_ARCH__ >= 890
    asm volatile(
        "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a.x[0]), "r"(a.x[1]), "r"(a.x[2]), "r"(a.x[3]), "r"(b0), "r"(b1));
#endif
  }
#else
  mma_half(d, a.x, b0, b1);
#endif
}

template <int block_m, int block_n>
class MmaSyncTile {
  static constexpr WarpGrid k_grid = warp_grid<block_m, block_n>();
  static constexpr int k_rows = block_m / k_grid.m;
  static constexpr int k_columns = block_n / k_grid.n;
  static constexpr int k_row_tiles = k_rows / 16;
  static constexpr int k_column_tiles = k_columns / 8;

  // Partial sums take at most 64 registers and one column of weight scales.
  __device__ static constexpr int chunk_tiles() {
    int tiles = k_column_tiles;
    while (k_partial && tiles > 1 && (k_row_tiles * tiles * 4 > 64 || tiles * 8 > k_quant_n)) tiles /= 2;
    return tiles;
  }
  static constexpr int k_chunk_tiles = chunk_tiles();

 public:
  static constexpr bool k_asynchronous = false;
  static constexpr int k_chunks = k_column_tiles / k_chunk_tiles;
  static constexpr int k_registers = k_row_tiles * k_chunk_tiles * 4;

  __device__ __forceinline__ MmaSyncTile() {
    const int warp = threadIdx.x / 32;
    active_ = warp < k_grid.m * k_grid.n;
    first_row_ = active_ ? warp % k_grid.m * k_rows : 0;
    first_column_ = active_ ? warp / k_grid.m * k_columns : 0;
  }
  __device__ __forceinline__ bool active() const { return active_; }

  // d += the chunk's columns of A x W^T for one K tile; from zero when `fresh`.
  __device__ __forceinline__ void compute(float (&d)[k_registers], const Stage& stage, int chunk, bool fresh) const {
    if (fresh) {
#pragma unroll
      for (int i = 0; i < k_registers; ++i) d[i] = 0.0f;
    }
    const int column = first_column_ + chunk * (k_chunk_tiles * 8);
    constexpr int k_steps = k_panel_bytes / 32;
#pragma unroll 1
    for (int panel = 0; panel < k_row_bytes / k_panel_bytes; ++panel) {
#pragma unroll
      for (int step = 0; step < k_steps; ++step) compute_step(d, stage, column, panel * k_chunks_per_panel + step * 2);
    }
  }

  // accumulators += partial sums, scaled.
  __device__ __forceinline__ void fold(float* accumulators, const float (&d)[k_registers], const Stage& stage,
                                       int chunk) const {
    const int column = first_column_ + chunk * (k_chunk_tiles * 8);
    const float w_scale = k_scaled ? stage.w_scale[column / k_quant_n] * (k_widen ? k_widened_scale : 1.0f) : 1.0f;
#pragma unroll
    for (int mt = 0; mt < k_row_tiles; ++mt) {
      const int row = first_row_ + mt * 16 + lane_row();
      const float upper = k_scaled ? stage.a_scale[row] * w_scale : 1.0f;
      const float lower = k_scaled ? stage.a_scale[row + 8] * w_scale : 1.0f;
#pragma unroll
      for (int nt = 0; nt < k_chunk_tiles; ++nt) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const int i = (mt * k_chunk_tiles + nt) * 4 + e;
          accumulators[i] += d[i] * (e < 2 ? upper : lower);
        }
      }
    }
  }

  __device__ __forceinline__ void store(const float* accumulators, const OutputRows& out, int chunk) const {
    const int column = first_column_ + chunk * (k_chunk_tiles * 8);
#pragma unroll
    for (int mt = 0; mt < k_row_tiles; ++mt) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = first_row_ + mt * 16 + half * 8 + lane_row();
        const float weight = out.router_weight(row);
        const float* d = accumulators + mt * k_chunk_tiles * 4 + half * 2;
        if constexpr (k_chunk_tiles == 1) {
          out.store_one(row, column, pack_output(d[0] * weight, d[1] * weight));
        } else {
#pragma unroll
          for (int nt = 0; nt < k_chunk_tiles; nt += 2) {
            out.store_two(row, column + nt * 8, pack_output(d[nt * 4] * weight, d[nt * 4 + 1] * weight),
                          pack_output(d[nt * 4 + 4] * weight, d[nt * 4 + 5] * weight));
          }
        }
      }
    }
  }

 private:
  static __device__ __forceinline__ int lane_row() { return (threadIdx.x & 31) >> 2; }

  __device__ __forceinline__ void compute_step(float (&d)[k_registers], const Stage& stage, int column,
                                               int chunk) const {
    const int lane = threadIdx.x & 31;
    Fragment4 a[k_row_tiles];
#pragma unroll
    for (int mt = 0; mt < k_row_tiles; ++mt) {
      const int row = first_row_ + mt * 16 + (lane & 15);
      a[mt] = load_matrices(stage.a + chunk_offset<block_m>(row, chunk + (lane >> 4)));
    }
#pragma unroll
    for (int nt = 0; nt < k_chunk_tiles; nt += 2) {
      // Of a single column tile the second half of the lanes points at the first one again.
      const int second = k_chunk_tiles == 1 ? 0 : (lane >> 4) * 8;
      const int row = column + nt * 8 + second + (lane & 7);
      const Fragment4 w = load_matrices(stage.w + chunk_offset<block_n>(row, chunk + ((lane >> 3) & 1)));
#pragma unroll
      for (int mt = 0; mt < k_row_tiles; ++mt) {
        multiply(d + (mt * k_chunk_tiles + nt) * 4, a[mt], w.x[0], w.x[1]);
        if (k_chunk_tiles > 1) multiply(d + (mt * k_chunk_tiles + nt + 1) * 4, a[mt], w.x[2], w.x[3]);
      }
    }
  }

  bool active_;
  int first_row_;
  int first_column_;
};

}  // namespace moetune
