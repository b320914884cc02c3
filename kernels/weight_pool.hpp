#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cuda_kernel.hpp"
#include "kernels/residency_plan.hpp"
#include "kernels/step_kernels.hpp"

namespace moetune::kernels {

/// Copies of a problem's weights in device memory, each with values of its own. Move-only; use it on the context's
/// thread.
class WeightPool {
 public:
  /// Errors: unavailable when memory runs out.
  static Result<WeightPool> allocate(const schema::Problem& problem, std::int64_t sets);
  /// Makes the values from `seed`; launches only.
  Result<void> fill(const StepKernels& step, const Stream& stream, std::uint64_t seed) const;
  /// Sets w and w_scale of `pointers` to those that pass number `pass` uses.
  void point(GemmPointers& pointers, Gemm gemm, std::int64_t pass) const;

 private:
  struct Set {
    DeviceBuffer w1, w1_scale, w2, w2_scale;
  };
  explicit WeightPool(const schema::Problem& problem) : problem_(problem) {}
  Result<void> fill_set(const Set& set, const StepKernels& step, const Stream& stream, std::uint64_t seed) const;

  schema::Problem problem_;
  std::vector<Set> sets_;
};

/// Allocates each buffer of a list of (buffer, bytes); stops at the first that fails.
struct Allocation {
  DeviceBuffer* buffer;
  std::int64_t bytes;
};
Result<void> allocate_all(std::initializer_list<Allocation> allocations);

/// A seed for one of the tensors that are made from `seed`.
std::uint64_t sub_seed(std::uint64_t seed, std::uint64_t stream, std::uint64_t index);

}  // namespace moetune::kernels
