#pragma once

// Sorts token-expert pairs by expert and pads every expert to whole row blocks. No atomics: the order is always the
// same.

namespace moetune {

// The number of lanes below this one in the block whose `flag` is set; `total` is the block's sum.
__device__ inline int rank_in_block(bool flag, int* warp_sums, int& total) {
  const unsigned votes = __ballot_sync(0xffffffffu, flag);
  const int lane = threadIdx.x & 31;
  const int warp = threadIdx.x / 32;
  if (lane == 0) warp_sums[warp] = __popc(votes);
  __syncthreads();
  int before = 0;
  total = 0;
  for (int w = 0; w < static_cast<int>(blockDim.x) / 32; ++w) {
    if (w < warp) before += warp_sums[w];
    total += warp_sums[w];
  }
  __syncthreads();
  return before + __popc(votes & ((1u << lane) - 1));
}

}  // namespace moetune

// Small batches: every pair is a row block of its own.
extern "C" __global__ void align_naive(const int* topk_ids, int pairs, int block_size_m, int* expert_ids,
                                       int* num_tokens_post_padded) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < pairs) expert_ids[i] = topk_ids[i];
  if (i == 0) *num_tokens_post_padded = pairs * block_size_m;
}

// One block per expert: counts[expert].
extern "C" __global__ void align_count(const int* topk_ids, int pairs, int* counts) {
  __shared__ int warp_sums[32];
  const int expert = blockIdx.x;
  int own = 0;
  for (int i = threadIdx.x; i < pairs; i += blockDim.x) own += topk_ids[i] == expert ? 1 : 0;
  for (int step = 16; step > 0; step /= 2) own += __shfl_xor_sync(0xffffffffu, own, step);
  if ((threadIdx.x & 31) == 0) warp_sums[threadIdx.x / 32] = own;
  __syncthreads();
  if (threadIdx.x == 0) {
    int sum = 0;
    for (int w = 0; w < static_cast<int>(blockDim.x) / 32; ++w) sum += warp_sums[w];
    counts[expert] = sum;
  }
}

// One block of 1024 threads: offsets[expert] in rows, offsets[num_experts] is the padded sum.
extern "C" __global__ void align_scan(const int* counts, int num_experts, int block_size_m, int* offsets,
                                      int* num_tokens_post_padded) {
  __shared__ int sums[1024];
  int base = 0;
  for (int first = 0; first < num_experts; first += 1024) {
    const int expert = first + threadIdx.x;
    const int count = expert < num_experts ? counts[expert] : 0;
    const int padded = (count + block_size_m - 1) / block_size_m * block_size_m;
    sums[threadIdx.x] = padded;
    __syncthreads();
    for (int step = 1; step < 1024; step *= 2) {
      const int add = static_cast<int>(threadIdx.x) >= step ? sums[threadIdx.x - step] : 0;
      __syncthreads();
      sums[threadIdx.x] += add;
      __syncthreads();
    }
    if (expert < num_experts) offsets[expert] = base + sums[threadIdx.x] - padded;
    base += sums[1023];
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    offsets[num_experts] = base;
    *num_tokens_post_padded = base;
  }
}

// One block per expert, and one more that fills the unused ends.
extern "C" __global__ void align_scatter(const int* topk_ids, int pairs, int num_experts, int block_size_m,
                                         const int* offsets, int sorted_size, int expert_blocks, int* sorted_token_ids,
                                         int* expert_ids) {
  __shared__ int warp_sums[32];
  const int expert = blockIdx.x;
  const int begin = offsets[expert];
  if (expert == num_experts) {
    for (int i = begin + threadIdx.x; i < sorted_size; i += blockDim.x) sorted_token_ids[i] = pairs;
    for (int i = begin / block_size_m + threadIdx.x; i < expert_blocks; i += blockDim.x) expert_ids[i] = -1;
    return;
  }
  const int end = offsets[expert + 1];
  int written = 0;
  for (int first = 0; first < pairs; first += blockDim.x) {
    const int i = first + threadIdx.x;
    const bool mine = i < pairs && topk_ids[i] == expert;
    int total = 0;
    const int rank = moetune::rank_in_block(mine, warp_sums, total);
    if (mine) sorted_token_ids[begin + written + rank] = i;
    written += total;
  }
  for (int i = begin + written + threadIdx.x; i < end; i += blockDim.x) sorted_token_ids[i] = pairs;
  for (int i = begin / block_size_m + threadIdx.x; i < end / block_size_m; i += blockDim.x) expert_ids[i] = expert;
}
