#pragma once

#include "values.cuh"

// Plain loops that the tuned GEMM is compared with.

// out (count, n): row i is pair first + i * step. One thread per output; the grid's y axis strides over the rows.
// W's scales are (E, ceil(n / group_n), ceil(k / group_k)), or null. Row r of A has those from r * a_row_scales on, one
// for each group of k; a_row_scales is 0 where all rows share one. A's scales are null where A is not quantised.
extern "C" __global__ void reference_gemm(const void* a, const void* w, const float* a_scale, const float* w_scale,
                                          const float* topk_weights, const int* topk_ids, float* out, long long first,
                                          long long step, long long count, int n, int k, int top_k, int routed,
                                          int group_n, int group_k, int a_row_scales, int a_type, int w_type) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= n) return;
  const auto kind_of_a = static_cast<moetune::Type>(a_type);
  const auto kind_of_w = static_cast<moetune::Type>(w_type);
  const bool in_runs = k % moetune::k_run == 0 && group_k % moetune::k_run == 0;
  const int scale_k = (k + group_k - 1) / group_k;
  const int scale_n = (n + group_n - 1) / group_n;
  for (long long row = blockIdx.y; row < count; row += gridDim.y) {
    const long long pair = first + row * step;
    const long long source = pair / top_k;
    const long long expert = topk_ids[pair];
    const long long weights = (expert * n + column) * static_cast<long long>(k);
    double sum = 0.0;
    for (int begin = 0, group = 0; begin < k; begin += group_k, ++group) {
      const int end = min(begin + group_k, k);
      double part = 0.0;
      int i = begin;
      for (; in_runs && i + moetune::k_run <= end; i += moetune::k_run) {
        float of_a[moetune::k_run], of_w[moetune::k_run];
        moetune::read_run(a, source * k + i, kind_of_a, of_a);
        moetune::read_run(w, weights + i, kind_of_w, of_w);
        for (int j = 0; j < moetune::k_run; ++j)
          part += static_cast<double>(of_a[j] * of_w[j]);  // exact: both have 11 bits at most
      }
      for (; i < end; ++i) {
        part += static_cast<double>(moetune::read_value(a, source * k + i, kind_of_a)) *
                static_cast<double>(moetune::read_value(w, weights + i, kind_of_w));
      }
      if (a_scale != nullptr) part *= static_cast<double>(a_scale[source * a_row_scales + group]);
      if (w_scale != nullptr) {
        part *= static_cast<double>(w_scale[(expert * scale_n + column / group_n) * scale_k + group]);
      }
      sum += part;
    }
    if (routed != 0) sum *= static_cast<double>(topk_weights[pair]);
    out[row * n + column] = static_cast<float>(sum);
  }
}

// Rows of the reference as the kernels around it take them: out row first + i * step = in row i, rounded to `type`.
extern "C" __global__ void round_rows(const float* in, void* out, long long first, long long step, long long count,
                                      int n, int type) {
  const auto kind = static_cast<moetune::Type>(type);
  const long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < count * n; i += stride) {
    const long long row = i / n;
    moetune::write_value(out, (first + row * step) * n + (i - row * n), kind, in[i]);
  }
}

// sums[0] += squares of the differences, sums[1] += squares of the expected values.
extern "C" __global__ void compare(const void* c, const float* expected, double* sums, long long first, long long step,
                                   long long count, int n, int type) {
  const auto kind = static_cast<moetune::Type>(type);
  double difference = 0.0, size = 0.0;
  const long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < count * n; i += stride) {
    const long long row = i / n;
    const double wanted = static_cast<double>(expected[i]);
    const double got = static_cast<double>(moetune::read_value(c, (first + row * step) * n + (i - row * n), kind));
    difference += (got - wanted) * (got - wanted);
    size += wanted * wanted;
  }
  for (int step_of = 16; step_of > 0; step_of /= 2) {
    difference += __shfl_xor_sync(0xffffffffu, difference, step_of);
    size += __shfl_xor_sync(0xffffffffu, size, step_of);
  }
  if ((threadIdx.x & 31) == 0) {
    atomicAdd(&sums[0], difference);
    atomicAdd(&sums[1], size);
  }
}
