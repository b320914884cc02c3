#pragma once

#include "values.cuh"

// What lies between and behind the two GEMMs of a step.

// in (rows, 2 * n) or (rows, n) -> out (rows, n); one thread per output.
extern "C" __global__ void activate(const void* in, void* out, long long rows, int n, int gated, int type) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= rows * n) return;
  const auto kind = static_cast<moetune::Type>(type);
  const long long row = i / n;
  const long long column = i - row * n;
  if (gated == 0) {
    const float positive = fmaxf(moetune::read_value(in, i, kind), 0.0f);
    moetune::write_value(out, i, kind, positive * positive);
    return;
  }
  const float gate = moetune::read_value(in, row * 2 * n + column, kind);
  const float up = moetune::read_value(in, row * 2 * n + n + column, kind);
  moetune::write_value(out, i, kind, gate / (1.0f + __expf(-gate)) * up);
}

namespace moetune {

// What one step of e4m3 must stand for so that `largest` is its largest number.
__device__ inline float unit_for(float largest) {
  return fmaxf(largest, 1e-10f) / 448.0f;
}

__device__ inline float largest_of_warp(float value) {
  for (int step = 16; step > 0; step /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, step));
  return value;
}

}  // namespace moetune

// One warp per group of `group` values of a row: out e4m3, scale (rows, groups) = largest magnitude / 448.
extern "C" __global__ void quantise(const void* in, unsigned char* out, float* scale, long long rows, int k, int group,
                                    int type) {
  const int groups = (k + group - 1) / group;
  const long long index = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  if (index >= rows * groups) return;
  const auto kind = static_cast<moetune::Type>(type);
  const long long row = index / groups;
  const int first = static_cast<int>(index - row * groups) * group;
  const int last = min(first + group, k);
  const int lane = threadIdx.x & 31;
  float largest = 0.0f;
  for (int i = first + lane; i < last; i += 32)
    largest = fmaxf(largest, fabsf(moetune::read_value(in, row * k + i, kind)));
  const float unit = moetune::unit_for(moetune::largest_of_warp(largest));
  for (int i = first + lane; i < last; i += 32) {
    const float value = moetune::read_value(in, row * k + i, kind);
    out[row * k + i] = static_cast<unsigned char>(moetune::encode_e4m3(value / unit));
  }
  if (lane == 0) scale[index] = unit;
}

// One scale for a whole tensor, in three launches that need nothing from the host: forget, collect, encode.
extern "C" __global__ void forget_scale(float* scale) {
  *scale = 0.0f;
}

// scale = largest magnitude / 448. Positive floats are in the order of their bits, and a maximum does not depend on the
// order in which it is taken: the same result every time.
extern "C" __global__ void collect_scale(const void* in, float* scale, long long count, int type) {
  const auto kind = static_cast<moetune::Type>(type);
  const long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
  float largest = 0.0f;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride)
    largest = fmaxf(largest, fabsf(moetune::read_value(in, i, kind)));
  const float unit = moetune::unit_for(moetune::largest_of_warp(largest));
  if ((threadIdx.x & 31) == 0) atomicMax(reinterpret_cast<unsigned*>(scale), __float_as_uint(unit));
}

// out e4m3 = in / *scale, saturating.
extern "C" __global__ void encode_by_scale(const void* in, unsigned char* out, const float* scale, long long count,
                                           int type) {
  const auto kind = static_cast<moetune::Type>(type);
  const long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
  const float unit = *scale;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride)
    out[i] = static_cast<unsigned char>(moetune::encode_e4m3(moetune::read_value(in, i, kind) / unit));
}

// in (batch * topk, n) -> out (batch, n).
extern "C" __global__ void reduce_topk(const void* in, void* out, long long batch, int topk, int n, int type) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= batch * n) return;
  const auto kind = static_cast<moetune::Type>(type);
  const long long token = i / n;
  const long long column = i - token * n;
  float sum = 0.0f;
  for (int j = 0; j < topk; ++j) sum += moetune::read_value(in, (token * topk + j) * n + column, kind);
  moetune::write_value(out, i, kind, sum);
}
