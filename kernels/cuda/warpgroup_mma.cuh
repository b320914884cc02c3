#pragma once

#include "epilogue.cuh"
#include "mma_sync.cuh"
#include "tile_shape.cuh"

// Tiles computed with wgmma (sm_90a): both operands stay in shared memory, the tensor cores read them by descriptor.

namespace moetune {

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

__device__ __forceinline__ void warpgroup_begin() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void warpgroup_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int groups_in_flight>
__device__ __forceinline__ void warpgroup_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(groups_in_flight) : "memory");
}
// The tensor cores see what other units wrote to shared memory only behind this fence.
__device__ __forceinline__ void fence_for_tensor_cores() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
// Keeps the compiler from moving uses of the registers over a wait: wgmma writes them behind its back.
template <int count>
__device__ __forceinline__ void pin_registers(float (&d)[count]) {
#pragma unroll
  for (int i = 0; i < count; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

// Describes rows of k_panel_bytes, K innermost, in groups of 8 rows, swizzled over the whole row.
__device__ __forceinline__ u64 matrix_descriptor(u32 address) {
  constexpr u64 k_mode = k_panel_bytes == 128 ? 1 : k_panel_bytes == 64 ? 2 : 3;
  constexpr u64 k_fixed = (k_mode << 62) | (static_cast<u64>(8 * k_panel_bytes / 16) << 32) | (u64{1} << 16);
  return k_fixed | ((address & 0x3ffff) >> 4);
}

#ifdef MOETUNE_OPERAND_FP8
#define MOETUNE_WGMMA_SHAPE(columns) "wgmma.mma_async.sync.aligned.m64n" #columns "k32.f32.e4m3.e4m3 "
#define MOETUNE_WGMMA_TAIL ", p, 1, 1;\n}"
#elif defined(MOETUNE_OPERAND_F16)
#define MOETUNE_WGMMA_SHAPE(columns) "wgmma.mma_async.sync.aligned.m64n" #columns "k16.f32.f16.f16 "
#define MOETUNE_WGMMA_TAIL ", p, 1, 1, 0, 0;\n}"
#else
#define MOETUNE_WGMMA_SHAPE(columns) "wgmma.mma_async.sync.aligned.m64n" #columns "k16.f32.bf16.bf16 "
#define MOETUNE_WGMMA_TAIL ", p, 1, 1, 0, 0;\n}"
#endif

#define MOETUNE_D4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define MOETUNE_D16(i) MOETUNE_D4(i), MOETUNE_D4(i + 4), MOETUNE_D4(i + 8), MOETUNE_D4(i + 12)
#define MOETUNE_N4 "%0, %1, %2, %3"
#define MOETUNE_N8 MOETUNE_N4 ", %4, %5, %6, %7"
#define MOETUNE_N16 MOETUNE_N8 ", %8, %9, %10, %11, %12, %13, %14, %15"
#define MOETUNE_N32 MOETUNE_N16 ", %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define MOETUNE_N64                                                                              \
  MOETUNE_N32                                                                                    \
  ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, " \
  "%50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"

#define MOETUNE_WGMMA(columns, names, a_at, b_at, p_at, ...)                                               \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p_at                                                  \
               ", 0;\n" MOETUNE_WGMMA_SHAPE(columns) "{" names "}, %" #a_at ", %" #b_at MOETUNE_WGMMA_TAIL \
               : __VA_ARGS__                                                                               \
               : "l"(a), "l"(b), "r"(accumulate))

// d (+)= 64 rows of `a` times 2 * count columns of `b`, over 32 bytes of K.
template <int count>
__device__ __forceinline__ void warpgroup_multiply(float (&d)[count], u64 a, u64 b, int accumulate) {
  if constexpr (count == 4) {
    MOETUNE_WGMMA(8, MOETUNE_N4, 4, 5, 6, MOETUNE_D4(0));
  } else if constexpr (count == 8) {
    MOETUNE_WGMMA(16, MOETUNE_N8, 8, 9, 10, MOETUNE_D4(0), MOETUNE_D4(4));
  } else if constexpr (count == 16) {
    MOETUNE_WGMMA(32, MOETUNE_N16, 16, 17, 18, MOETUNE_D16(0));
  } else if constexpr (count == 32) {
    MOETUNE_WGMMA(64, MOETUNE_N32, 32, 33, 34, MOETUNE_D16(0), MOETUNE_D16(16));
  } else {
    static_assert(count == 64, "wgmma is spelled out for 8 to 128 columns");
    MOETUNE_WGMMA(128, MOETUNE_N64, 64, 65, 66, MOETUNE_D16(0), MOETUNE_D16(16), MOETUNE_D16(32), MOETUNE_D16(48));
  }
}

// 64 rows of one operand by 2 * count rows of the other, over one K tile.
template <int x_rows, int y_rows, int count>
__device__ __forceinline__ void warpgroup_tile(float (&d)[count], u32 x, u32 y, bool fresh) {
  constexpr int k_steps = k_panel_bytes / 32;
#pragma unroll
  for (int step = 0; step < k_row_bytes / 32; ++step) {
    const int panel = step / k_steps;
    const int within = step % k_steps * 32;
    warpgroup_multiply(d, matrix_descriptor(x + panel * (x_rows * k_panel_bytes) + within),
                       matrix_descriptor(y + panel * (y_rows * k_panel_bytes) + within), step > 0 || !fresh);
  }
}

// The warpgroup's number as a value that the compiler knows to be the same in all lanes.
__device__ __forceinline__ int warpgroup_index() {
  return __shfl_sync(0xffffffffu, threadIdx.x / 128, 0);
}
__device__ __forceinline__ int fragment_row() {
  return (threadIdx.x & 127) / 32 * 16 + ((threadIdx.x & 31) >> 2);
}

// Tokens on the rows: chunks of 64 tokens by at most 128 columns.
template <int block_m, int block_n>
class WarpgroupTokensTile {
  static constexpr int k_groups_m = min_of(block_m / 64, k_warpgroups);
  static constexpr int k_groups_n = max_of(k_warpgroups / k_groups_m, 1);
  static constexpr int k_rows = block_m / k_groups_m;
  static constexpr int k_columns = block_n / k_groups_n;
  // The widest wgmma reads shared memory least often; two sets of partial sums must fit beside the accumulators.
  static constexpr int k_widest = !k_partial || (k_rows == 64 && k_columns <= 128) ? 128 : 64;
  static constexpr int k_chunk_columns = min_of(min_of(k_columns, k_widest), k_quant_n);
  static constexpr int k_chunks_n = k_columns / k_chunk_columns;

 public:
  static constexpr bool k_asynchronous = true;
  static constexpr int k_chunks = k_rows / 64 * k_chunks_n;
  static constexpr int k_registers = k_chunk_columns / 2;

  __device__ __forceinline__ WarpgroupTokensTile() {
    const int group = warpgroup_index();
    first_row_ = group % k_groups_m * k_rows;
    first_column_ = group / k_groups_m * k_columns;
  }
  __device__ __forceinline__ bool active() const { return true; }

  __device__ __forceinline__ void compute(float (&d)[k_registers], const Stage& stage, int chunk, bool fresh) const {
    warpgroup_tile<block_m, block_n>(d, stage.a + row(chunk) * k_panel_bytes, stage.w + column(chunk) * k_panel_bytes,
                                     fresh);
  }

  __device__ __forceinline__ void fold(float* accumulators, const float (&d)[k_registers], const Stage& stage,
                                       int chunk) const {
    const float w_scale = k_scaled ? stage.w_scale[column(chunk) / k_quant_n] : 1.0f;
    const int at = row(chunk) + fragment_row();
    const float upper = k_scaled ? stage.a_scale[at] * w_scale : 1.0f;
    const float lower = k_scaled ? stage.a_scale[at + 8] * w_scale : 1.0f;
#pragma unroll
    for (int i = 0; i < k_registers; ++i) accumulators[i] += d[i] * (i % 4 < 2 ? upper : lower);
  }

  __device__ __forceinline__ void store(const float* accumulators, const OutputRows& out, int chunk) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int at = row(chunk) + half * 8 + fragment_row();
      const float weight = out.router_weight(at);
      const float* d = accumulators + half * 2;
      if constexpr (k_chunk_columns == 8) {
        out.store_one(at, column(chunk), pack_output(d[0] * weight, d[1] * weight));
      } else {
#pragma unroll
        for (int j = 0; j < k_chunk_columns / 8; j += 2) {
          out.store_two(at, column(chunk) + j * 8, pack_output(d[j * 4] * weight, d[j * 4 + 1] * weight),
                        pack_output(d[j * 4 + 4] * weight, d[j * 4 + 5] * weight));
        }
      }
    }
  }

 private:
  __device__ __forceinline__ int row(int chunk) const { return first_row_ + chunk / k_chunks_n * 64; }
  __device__ __forceinline__ int column(int chunk) const {
    return first_column_ + chunk % k_chunks_n * k_chunk_columns;
  }

  int first_row_;
  int first_column_;
};

__device__ __forceinline__ u32 transpose_fragment(u32 word) {
  u32 transposed;
  asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(transposed) : "r"(word));
  return transposed;
}

// Weights on the rows: chunks of 64 weights (columns of C) by all tokens of the tile.
template <int block_m, int block_n>
class WarpgroupWeightsTile {
  static constexpr int k_columns = block_n / k_warpgroups;

 public:
  static constexpr bool k_asynchronous = true;
  static constexpr int k_chunks = max_of(k_columns / 64, 1);
  static constexpr int k_registers = block_m / 2;

  __device__ __forceinline__ WarpgroupWeightsTile() : first_column_(warpgroup_index() * k_columns) {}
  __device__ __forceinline__ bool active() const { return true; }

  __device__ __forceinline__ void compute(float (&d)[k_registers], const Stage& stage, int chunk, bool fresh) const {
    warpgroup_tile<block_n, block_m>(d, stage.w + column(chunk) * k_panel_bytes, stage.a, fresh);
  }

  __device__ __forceinline__ void fold(float* accumulators, const float (&d)[k_registers], const Stage& stage,
                                       int chunk) const {
    const int at = column(chunk) + fragment_row();
    const float upper = k_scaled ? stage.w_scale[at / k_quant_n] : 1.0f;
    const float lower = k_scaled && k_quant_n < 16 ? stage.w_scale[(at + 8) / k_quant_n] : upper;
#pragma unroll
    for (int i = 0; i < k_registers; ++i) {
      const int token = i / 4 * 8 + (threadIdx.x & 3) * 2 + i % 2;
      const float scale = k_scaled ? stage.a_scale[token] * (i % 4 < 2 ? upper : lower) : 1.0f;
      accumulators[i] += d[i] * scale;
    }
  }

  __device__ __forceinline__ void store(const float* accumulators, const OutputRows& out, int chunk) const {
    const int at = column(chunk) + (threadIdx.x & 127) / 32 * 16;
#pragma unroll
    for (int j = 0; j < block_m / 8; ++j) {
      const int token = j * 8 + (threadIdx.x & 3) * 2;
      const float first = out.router_weight(token), second = out.router_weight(token + 1);
      const float* d = accumulators + j * 4;
      const u32 left = transpose_fragment(pack_output(d[0] * first, d[1] * second));
      const u32 right = transpose_fragment(pack_output(d[2] * first, d[3] * second));
      out.store_two(j * 8 + ((threadIdx.x & 31) >> 2), at, left, right);
    }
  }

 private:
  __device__ __forceinline__ int column(int chunk) const { return first_column_ + chunk * 64; }

  int first_column_;
};

#endif

}  // namespace moetune
