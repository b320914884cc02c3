#pragma once

#include "tile_shape.cuh"

// Stores of C. Fragments come as 8 rows by 8 columns: a lane holds row lane / 4, columns 2 * (lane % 4) and the next.

namespace moetune {

class OutputRows {
 public:
  __device__ __forceinline__ OutputRows(char* shared, u32* c, i64 c_stride, i32 n, int first_n, i32 num_valid_tokens)
      : ids_(reinterpret_cast<const i32*>(shared + k_ids_at)),
        router_(reinterpret_cast<const float*>(shared + k_router_at)),
        c_(reinterpret_cast<unsigned short*>(c)),
        c_stride_(c_stride),
        n_(n),
        first_n_(first_n),
        num_valid_(num_valid_tokens) {}

  __device__ __forceinline__ float router_weight(int row) const { return router_[row]; }

  // Two fragments side by side: columns column ... column + 7 and column + 8 ... column + 15 of the tile. Neighbouring
  // lanes swap halves, so that the four lanes of a row write 32 bytes without a gap.
  __device__ __forceinline__ void store_two(int row, int column, u32 left, u32 right) const {
    const int lane = threadIdx.x & 3;
    const bool odd = (lane & 1) != 0;
    const u32 swapped = __shfl_xor_sync(0xffffffffu, odd ? left : right, 1);
    const int at = column + (odd ? 8 : 0) + (lane >> 1) * 4;
    const i32 id = ids_[row];
    if (id >= num_valid_ || first_n_ + at >= n_) return;
    uint2 words;
    words.x = odd ? swapped : left;
    words.y = odd ? right : swapped;
    *reinterpret_cast<uint2*>(address(id, at)) = words;
  }

  __device__ __forceinline__ void store_one(int row, int column, u32 word) const {
    const int at = column + (threadIdx.x & 3) * 2;
    const i32 id = ids_[row];
    if (id >= num_valid_ || first_n_ + at >= n_) return;
    *reinterpret_cast<u32*>(address(id, at)) = word;
  }

  // A tile whose expert is not on this device.
  __device__ __forceinline__ void store_zeros() const {
    constexpr int k_words = BLOCK_SIZE_N / 8;
    for (int i = threadIdx.x; i < BLOCK_SIZE_M * k_words; i += k_threads) {
      const i32 id = ids_[i / k_words];
      const int at = i % k_words * 8;
      if (id < num_valid_ && first_n_ + at < n_) *reinterpret_cast<uint4*>(address(id, at)) = uint4{0, 0, 0, 0};
    }
  }

 private:
  __device__ __forceinline__ unsigned short* address(i32 id, int column) const {
    return c_ + static_cast<i64>(id) * c_stride_ + first_n_ + column;
  }

  const i32* ids_;
  const float* router_;
  unsigned short* c_;
  i64 c_stride_;
  i32 n_;
  int first_n_;
  i32 num_valid_;
};

}  // namespace moetune
