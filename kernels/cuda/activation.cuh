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
  for (int step = 16; step > 0; step /= 2) largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, step));
  const float unit = fmaxf(largest, 1e-10f) / 448.0f;
  for (int i = first + lane; i < last; i += 32) {
    const float value = moetune::read_value(in, row * k + i, kind);
    out[row * k + i] = static_cast<unsigned char>(moetune::encode_e4m3(value / unit));
  }
  if (lane == 0) scale[index] = unit;
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
