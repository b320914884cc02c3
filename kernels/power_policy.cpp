#include "kernels/power_policy.hpp"

#include <algorithm>

namespace moetune::kernels {

namespace {
constexpr double k_low_ratio = 0.97;
}  // namespace

void HeatBudget::cool(SteadyTime now) {
  const auto passed = std::chrono::duration_cast<microseconds>(now - seen_);
  heat_ = std::max(microseconds{0}, heat_ - passed / k_rest_ratio);
  seen_ = now;
}

microseconds HeatBudget::rest_before(microseconds cost, SteadyTime now) {
  cool(now);
  const auto allowed = std::max(microseconds{0}, k_burst - cost);
  return std::max(microseconds{0}, (heat_ - allowed) * k_rest_ratio);
}

void HeatBudget::worked(microseconds busy, SteadyTime now) {
  cool(now);
  // The time of the work itself counted as rest in cool().
  heat_ = std::min(k_most, heat_ + busy + busy / k_rest_ratio);
}

double heat_share(double us, std::optional<double> best_us) {
  return best_us ? std::clamp(*best_us / us, k_least_heat, 1.0) : 1.0;
}

void ClockNorm::see(std::int64_t mhz) {
  norm_mhz_ = std::max(norm_mhz_, mhz);
}

bool ClockNorm::is_low(std::int64_t mhz) const {
  return static_cast<double>(mhz) < k_low_ratio * static_cast<double>(norm_mhz_);
}

}  // namespace moetune::kernels
