#pragma once

// Which tile of C a block computes. This header also compiles on the host: the order is tested there.

#ifdef __CUDACC_RTC__
#define MOETUNE_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define MOETUNE_HOST_DEVICE inline
#endif

namespace moetune {

struct TileCoordinates {
  int m;
  int n;
};

// Blocks walk `group_size_m` row blocks together, column block by column block, so that neighbours in time share
// weights in the L2 cache. The last group may be shorter.
MOETUNE_HOST_DEVICE TileCoordinates tile_coordinates(int block, int blocks_m, int blocks_n, int group_size_m) {
  const int blocks_in_group = group_size_m * blocks_n;
  const int group = block / blocks_in_group;
  const int first_m = group * group_size_m;
  const int rows_left = blocks_m - first_m;
  const int rows = rows_left < group_size_m ? rows_left : group_size_m;
  const int within = block - group * blocks_in_group;
  const int n = within / rows;
  return {first_m + within - n * rows, n};
}

}  // namespace moetune
