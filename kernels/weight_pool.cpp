#include "kernels/weight_pool.hpp"

#include <cmath>

namespace moetune::kernels {

namespace {

// Scales that leave products near one, as in a trained model: outputs neither vanish nor overflow.
constexpr float k_scale_low = 0.5F;
constexpr float k_scale_high = 1.5F;
// Standard deviation of quantised weights before their scale. e4m3 is as fine for any size; int8 is filled to 111 of
// 127.
constexpr float k_fp8_deviation = 1.0F;
constexpr float k_int8_deviation = 32.0F;

enum Tensor : std::uint64_t { w1_values = 1, w1_scales, w2_values, w2_scales };

/// Standard deviation that keeps a sum of `terms` products of unit variance at unit variance.
float fan_in(std::int64_t terms) {
  return 1.0F / std::sqrt(static_cast<float>(terms));
}

}  // namespace

Result<void> allocate_all(std::initializer_list<Allocation> allocations) {
  for (const auto& [buffer, bytes] : allocations) {
    auto allocated = DeviceBuffer::allocate(static_cast<std::size_t>(bytes));
    if (!allocated) return std::unexpected(allocated.error());
    *buffer = std::move(*allocated);
  }
  return {};
}

std::uint64_t sub_seed(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  std::uint64_t bits = seed + stream * 0x9e3779b97f4a7c15ULL + index * 0xd1b54a32d192ed03ULL;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ULL;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebULL;
  return bits ^ (bits >> 31);
}

Result<WeightPool> WeightPool::allocate(const schema::Problem& problem, std::int64_t sets) {
  WeightPool pool(problem);
  const auto sizes = weight_sizes(problem);
  for (std::int64_t i = 0; i < sets; ++i) {
    Set set;
    auto allocated = allocate_all(
        {{&set.w1, sizes.w1}, {&set.w1_scale, sizes.w1_scale}, {&set.w2, sizes.w2}, {&set.w2_scale, sizes.w2_scale}});
    if (!allocated) return std::unexpected(allocated.error());
    pool.sets_.push_back(std::move(set));
  }
  return pool;
}

Result<void> WeightPool::fill(const StepKernels& step, const Stream& stream, std::uint64_t seed) const {
  for (std::size_t i = 0; i < sets_.size(); ++i) {
    if (auto filled = fill_set(sets_[i], step, stream, sub_seed(seed, 0, i)); !filled) return filled;
  }
  return {};
}

Result<void> WeightPool::fill_set(const Set& set, const StepKernels& step, const Stream& stream,
                                  std::uint64_t seed) const {
  const Operand operand = weight_operand(problem_);
  const float spread = operand == Operand::int8 ? k_int8_deviation : k_fp8_deviation;
  const auto values = [&](const DeviceBuffer& weights, const DeviceBuffer& scales, std::int64_t terms,
                          std::uint64_t values_tag, std::uint64_t scales_tag) -> Result<void> {
    const auto count = static_cast<std::int64_t>(weights.size()) / bytes_of(operand);
    // Scaled weights use the range of their type and leave the size to the scale.
    const float deviation = scales.size() > 0 ? spread : fan_in(terms);
    auto made = step.random_values(stream, operand, weights.address(), count, deviation, sub_seed(seed, values_tag, 0));
    if (!made || scales.size() == 0) return made;
    const float size = fan_in(terms) / spread;
    return step.random_floats(stream, scales.address(), static_cast<std::int64_t>(scales.size() / sizeof(float)),
                              k_scale_low * size, k_scale_high * size, sub_seed(seed, scales_tag, 0));
  };
  if (auto made = values(set.w1, set.w1_scale, problem_.hidden_size, w1_values, w1_scales); !made) return made;
  return values(set.w2, set.w2_scale, problem_.intermediate_size, w2_values, w2_scales);
}

void WeightPool::point(GemmPointers& pointers, Gemm gemm, std::int64_t pass) const {
  const Set& set = sets_[static_cast<std::size_t>(pass) % sets_.size()];
  pointers.w = gemm == Gemm::first ? set.w1.address() : set.w2.address();
  pointers.w_scale = gemm == Gemm::first ? set.w1_scale.address() : set.w2_scale.address();
}

}  // namespace moetune::kernels
