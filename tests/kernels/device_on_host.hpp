#pragma once

#include <array>
#include <atomic>
#include <barrier>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

// As much of CUDA as the step's device code needs to run on the CPU: one warp at a time, a thread for each of its
// lanes. Include it before the device code.

// NOLINTBEGIN(readability-identifier-naming, bugprone-reserved-identifier): the names that device code uses
#define __device__
#define __global__

namespace moetune::kernels::on_host {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

inline constexpr unsigned k_lanes = 32;

/// What lanes of the warp in hand show each other.
struct Warp {
  std::barrier<> meeting{k_lanes};
  std::array<double, k_lanes> shown{};
};
inline Warp* current_warp = nullptr;

}  // namespace moetune::kernels::on_host

inline thread_local moetune::kernels::on_host::Index threadIdx;
inline thread_local moetune::kernels::on_host::Index blockIdx;
inline thread_local moetune::kernels::on_host::Index blockDim;
inline thread_local moetune::kernels::on_host::Index gridDim;

inline float __uint_as_float(unsigned bits) {
  return std::bit_cast<float>(bits);
}
inline unsigned __float_as_uint(float value) {
  return std::bit_cast<unsigned>(value);
}
inline float __expf(float value) {
  return std::exp(value);
}
inline int min(int one, int other) {
  return one < other ? one : other;
}
template <typename T>
T __shfl_xor_sync(unsigned /*mask*/, T value, int lane_mask) {
  auto& warp = *moetune::kernels::on_host::current_warp;
  const unsigned lane = threadIdx.x % moetune::kernels::on_host::k_lanes;
  warp.shown[lane] = static_cast<double>(value);
  warp.meeting.arrive_and_wait();
  const T seen = static_cast<T>(warp.shown[lane ^ static_cast<unsigned>(lane_mask)]);
  warp.meeting.arrive_and_wait();
  return seen;
}
inline double atomicAdd(double* sum, double value) {
  return std::atomic_ref(*sum).fetch_add(value);
}
inline unsigned atomicMax(unsigned* largest, unsigned value) {
  const std::atomic_ref current(*largest);
  unsigned seen = current.load();
  while (seen < value && !current.compare_exchange_weak(seen, value)) continue;
  return seen;
}
// NOLINTEND(readability-identifier-naming, bugprone-reserved-identifier)

namespace moetune::kernels::on_host {

/// Runs `kernel` in every thread of `grid` blocks of `threads` threads, a multiple of 32. All lanes of a warp have to
/// take part in its shuffles.
inline void launch(Index grid, unsigned threads, const std::function<void()>& kernel) {
  Warp warp;
  current_warp = &warp;
  std::vector<std::jthread> lanes;
  for (unsigned lane = 0; lane < k_lanes; ++lane) {
    lanes.emplace_back([&, lane] {
      blockDim = {threads, 1, 1};
      gridDim = grid;
      for (unsigned y = 0; y < grid.y; ++y) {
        for (unsigned x = 0; x < grid.x; ++x) {
          for (unsigned first = 0; first < threads; first += k_lanes) {
            blockIdx = {x, y, 0};
            threadIdx = {first + lane, 0, 0};
            kernel();
            warp.meeting.arrive_and_wait();  // a lane that is done must not run into the next warp's shuffles
          }
        }
      }
    });
  }
}

}  // namespace moetune::kernels::on_host
