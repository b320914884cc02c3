#include "kernels/sample_plan.hpp"

#include "schema/trial.hpp"

namespace moetune::kernels {

bool is_contender(double latency_us, std::optional<double> best_us) {
  return !best_us || latency_us <= *best_us * k_contender_ratio;
}

bool has_enough_samples(std::span<const double> samples_us, std::optional<double> best_us, Pace pace) {
  const bool hopeless = !samples_us.empty() && best_us && samples_us.front() > *best_us * k_hopeless_ratio;
  if (pace == Pace::quick && hopeless) return true;
  if (samples_us.size() < k_min_samples) return false;
  if (samples_us.size() >= k_max_samples || pace != Pace::thorough) return true;
  return !is_contender(schema::median({samples_us.begin(), samples_us.end()}), best_us);
}

}  // namespace moetune::kernels
