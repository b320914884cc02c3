#pragma once

#include "async_copy.cuh"
#include "tile_shape.cuh"

// Fills the buffers of the pipeline: gathered rows of A, consecutive rows of W, and their scales.

namespace moetune {

// Divides token ids by top_k without a division per row.
class TopkDivider {
 public:
  __device__ __forceinline__ explicit TopkDivider(i32 top_k)
      : top_k_(top_k), reciprocal_(top_k > 1 ? 0xffffffffu / static_cast<u32>(top_k) + 1 : 0) {}
  __device__ __forceinline__ i32 operator()(i32 id) const {
    if (top_k_ <= 1) return id;
    const i32 quotient = static_cast<i32>(__umulhi(static_cast<u32>(id), reciprocal_));
    return quotient * top_k_ > id ? quotient - 1 : quotient;
  }

 private:
  i32 top_k_;
  u32 reciprocal_;
};

// The thread's share of a tile: one 16-byte column of chunks, every k_row_step-th row.
class TileLoader {
  static constexpr int k_row_step = k_threads / k_chunks_per_row;
  static constexpr int k_a_rows = max_of(BLOCK_SIZE_M / k_row_step, 1);
  static constexpr int k_w_rows = max_of(BLOCK_SIZE_N / k_row_step, 1);
  static constexpr int k_scale_rows = k_scaled ? (k_scales + k_threads - 1) / k_threads : 0;
  static_assert(k_threads % k_chunks_per_row == 0, "a tile row has more chunks than the block has threads");

 public:
  struct Operands {
    const char* a;
    const char* w;  // of the block's expert
    const float* a_scale;
    const float* w_scale;  // of the block's expert
    i32 n;
    i32 k;
    u32 a_row_bytes;
    u32 w_row_bytes;
    i32 a_scale_stride;
    i32 w_scale_stride;
  };

  // `row_of(row)` is the row of A that a row of the tile reads, -1 for padding.
  template <typename RowOf>
  __device__ __forceinline__ TileLoader(char* shared, int first_n, const RowOf& row_of)
      : shared_(shared_address(shared)),
        chunk_(threadIdx.x % k_chunks_per_row),
        row_(threadIdx.x / k_chunks_per_row),
        first_n_(first_n) {
#pragma unroll
    for (int i = 0; i < k_a_rows; ++i) a_rows_[i] = has_a(i) ? row_of(row_ + i * k_row_step) : -1;
#pragma unroll
    for (int i = 0; i < k_scale_rows; ++i) {
      const int row = threadIdx.x + i * k_threads;
      scale_rows_[i] = row < BLOCK_SIZE_M ? row_of(row) : -1;
    }
  }

  // Starts the copies of K tile `tile` into `buffer`. Bytes beyond K are zero in both operands.
  __device__ __forceinline__ void load(const Operands& from, int tile, int buffer) const {
    const i32 k = tile * BLOCK_SIZE_K + chunk_ * (16 / k_operand_bytes);
    const u32 bytes = k < from.k ? 16 : 0;
    const i64 k_bytes = bytes == 0 ? 0 : static_cast<i64>(k) * k_operand_bytes;
    const u32 base = shared_ + buffer * k_buffer_bytes;
    load_w(from, base + k_a_bytes, k_bytes, bytes);
    load_a(from, base, k_bytes, bytes);
    if constexpr (k_scaled) load_scales(from, tile, shared_ + k_scales_at + buffer * (k_scales * 4));
  }

 private:
  __device__ __forceinline__ bool has_a(int i) const { return row_ + i * k_row_step < BLOCK_SIZE_M; }
  __device__ __forceinline__ bool has_w(int i) const { return row_ + i * k_row_step < BLOCK_SIZE_N; }

  __device__ __forceinline__ void load_w(const Operands& from, u32 to, i64 k_bytes, u32 bytes) const {
    const char* source = from.w + k_bytes;
    const i32 last = from.n - 1;
#pragma unroll
    for (int i = 0; i < k_w_rows; ++i) {
      if (BLOCK_SIZE_N < k_row_step && !has_w(i)) break;
      const int row = row_ + i * k_row_step;
      // Columns beyond N repeat the last one and are never stored.
      const u32 n = static_cast<u32>(min(first_n_ + row, last));
      const char* address = source + static_cast<u64>(n) * from.w_row_bytes;
      copy_16(to + chunk_offset<BLOCK_SIZE_N>(row, chunk_), address, bytes);
    }
  }

  __device__ __forceinline__ void load_a(const Operands& from, u32 to, i64 k_bytes, u32 bytes) const {
    const char* source = from.a + k_bytes;
#pragma unroll
    for (int i = 0; i < k_a_rows; ++i) {
      if (BLOCK_SIZE_M < k_row_step && !has_a(i)) break;
      const i32 row = a_rows_[i];
      const char* address = source + static_cast<u64>(static_cast<u32>(max(row, 0))) * from.a_row_bytes;
      copy_16(to + chunk_offset<BLOCK_SIZE_M>(row_ + i * k_row_step, chunk_), address, row < 0 ? 0 : bytes);
    }
  }

  __device__ __forceinline__ void load_scales(const Operands& from, int tile, u32 to) const {
    const int column = tile * BLOCK_SIZE_K / k_quant_k;
#pragma unroll
    for (int i = 0; i < k_scale_rows; ++i) {
      const int index = threadIdx.x + i * k_threads;
      if (index < BLOCK_SIZE_M) {
        const i32 row = scale_rows_[i];
        const float* source = from.a_scale + static_cast<i64>(max(row, 0)) * from.a_scale_stride + column;
        copy_4(to + index * 4, source, row < 0 ? 0 : 4);
      } else if (index < k_scales) {
        const int first = first_n_ + (index - BLOCK_SIZE_M) * k_quant_n;
#ifdef MOETUNE_FAULT_WRONG_SCALE
        const int wrong = 1;
#else
        const int wrong = 0;
#endif
        const int block = min(first, from.n - 1) / k_quant_n;
        copy_4(to + index * 4, from.w_scale + (block ^ wrong) * from.w_scale_stride + column, 4);
      }
    }
  }

  u32 shared_;
  int chunk_;
  int row_;
  int first_n_;
  i32 a_rows_[k_a_rows];
  i32 scale_rows_[max_of(k_scale_rows, 1)];
};

}  // namespace moetune
