#pragma once

#include "random.cuh"

// Routing by popularity. One key for each token and expert, the smallest topk of a token win: an exponential race
// (Efraimidis and Spirakis 2006), which is drawing without replacement with odds in proportion to the popularity. In
// double, so that a CPU with the same arithmetic draws the same experts.

namespace moetune {

// Waiting time of the rate `popularity`; its numbers are those of the token and the expert alone.
__device__ inline double arrival(unsigned long long seed, unsigned long long index, double popularity) {
  const double drawn = (static_cast<double>(mix(seed, index) >> 12) + 0.5) * (1.0 / 4503599627370496.0);
  return -log(drawn) / popularity;
}

}  // namespace moetune

// One thread per token. popularity: (num_experts), of at least topk experts above 0; the others are never drawn. The
// experts of a token stand in the order in which they were drawn.
extern "C" __global__ void popular_routing(int* topk_ids, float* topk_weights, const float* popularity, int batch,
                                           int topk, int num_experts, unsigned long long seed) {
  const int token = blockIdx.x * blockDim.x + threadIdx.x;
  if (token >= batch) return;
  int* ids = topk_ids + static_cast<long long>(token) * topk;
  float* weights = topk_weights + static_cast<long long>(token) * topk;
  const unsigned long long first = static_cast<unsigned long long>(token) * num_experts;
  double last = -1.0;
  int last_expert = -1;
  float sum = 0.0f;
  for (int j = 0; j < topk; ++j) {
    int drawn = -1;
    double least = 0.0;
    for (int expert = 0; expert < num_experts; ++expert) {
      if (!(popularity[expert] > 0.0f)) continue;
      const double key = moetune::arrival(seed, first + expert, popularity[expert]);
      if (key < last || (key == last && expert <= last_expert)) continue;  // drawn before
      if (drawn >= 0 && key >= least) continue;
      drawn = expert;
      least = key;
    }
    ids[j] = drawn;
    last = least;
    last_expert = drawn;
    // The router's weights are what random_routing gives: they do not steer the time.
    weights[j] = 0.1f + static_cast<float>(moetune::mix(~seed, first + j) & 0xffff) * (1.0f / 65536.0f);
    sum += weights[j];
  }
  for (int j = 0; j < topk; ++j) weights[j] /= sum;
}
