#include "kernels/sample_plan.hpp"

namespace moetune::kernels {

bool is_hopeless(double latency_us, std::optional<double> best_us) {
  return best_us && latency_us > *best_us * k_hopeless_ratio;
}

bool is_surely_hopeless(double pass_us, std::optional<double> best_us) {
  return best_us && pass_us > *best_us * k_surely_hopeless_ratio;
}

bool has_enough_samples(std::span<const double> samples_us, std::optional<double> best_us, Pace pace) {
  if (pace == Pace::quick && !samples_us.empty() && is_hopeless(samples_us.front(), best_us)) return true;
  return samples_us.size() >= k_samples_of_job;
}

}  // namespace moetune::kernels
