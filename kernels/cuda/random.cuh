#pragma once

#include "values.cuh"

// Inputs made from a seed. The value of an element depends on seed and index alone, not on the launch.

namespace moetune {

__device__ inline unsigned long long mix(unsigned long long seed, unsigned long long index) {
  unsigned long long x = seed + (index + 1) * 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// Four 16-bit uniform numbers added up: variance 4 / 12.
__device__ inline float roughly_normal(unsigned long long bits) {
  const float sum = static_cast<float>(bits & 0xffff) + static_cast<float>((bits >> 16) & 0xffff) +
                    static_cast<float>((bits >> 32) & 0xffff) + static_cast<float>(bits >> 48);
  return (sum * (1.0f / 65536.0f) - 2.0f) * 1.7320508f;
}

__device__ inline float uniform(unsigned long long bits) {
  return (static_cast<float>(bits >> 40) + 0.5f) * (1.0f / 16777216.0f);
}

}  // namespace moetune

extern "C" __global__ void random_values(void* out, long long count, int type, float deviation,
                                         unsigned long long seed) {
  const auto kind = static_cast<moetune::Type>(type);
  const long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
    moetune::write_value(out, i, kind, moetune::roughly_normal(moetune::mix(seed, i)) * deviation);
    // Zeros hide wrong indices: what rounded to zero becomes a small value.
    if (moetune::read_value(out, i, kind) == 0.0f) moetune::write_value(out, i, kind, deviation * 0.0625f);
  }
}

extern "C" __global__ void random_floats(float* out, long long count, float low, float high, unsigned long long seed) {
  const long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
    out[i] = low + (high - low) * moetune::uniform(moetune::mix(seed, i));
  }
}

// One thread per token draws topk distinct experts: the j-th draw is uniform over the first num_experts - topk + j + 1,
// and a number drawn before is replaced by the last of that range (Floyd's sampling).
extern "C" __global__ void random_routing(int* topk_ids, float* topk_weights, int batch, int topk, int num_experts,
                                          unsigned long long seed) {
  const int token = blockIdx.x * blockDim.x + threadIdx.x;
  if (token >= batch) return;
  int* ids = topk_ids + static_cast<long long>(token) * topk;
  float* weights = topk_weights + static_cast<long long>(token) * topk;
  float sum = 0.0f;
  for (int j = 0; j < topk; ++j) {
    const unsigned long long bits = moetune::mix(seed, static_cast<unsigned long long>(token) * topk + j);
    const int range = num_experts - topk + j + 1;
    int drawn = static_cast<int>((bits >> 32) % range);
    for (int before = 0; before < j; ++before) {
      if (ids[before] == drawn) {
        drawn = range - 1;
        break;
      }
    }
    ids[j] = drawn;
    weights[j] = 0.1f + static_cast<float>(bits & 0xffff) * (1.0f / 65536.0f);
    sum += weights[j];
  }
  for (int j = 0; j < topk; ++j) weights[j] /= sum;
}
