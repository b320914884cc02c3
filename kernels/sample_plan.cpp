#include "kernels/sample_plan.hpp"

#include "schema/trial.hpp"

namespace moetune::kernels {

bool is_contender(double latency_us, std::optional<double> best_us) {
  return !best_us || latency_us <= *best_us * k_contender_ratio;
}

bool is_hopeless(double latency_us, std::optional<double> best_us) {
  return best_us && latency_us > *best_us * k_hopeless_ratio;
}

bool has_enough_samples(std::span<const double> samples_us, std::optional<double> best_us, Pace pace) {
  if (pace == Pace::quick && !samples_us.empty() && is_hopeless(samples_us.front(), best_us)) return true;
  if (samples_us.size() < k_min_samples) return false;
  if (samples_us.size() >= k_max_samples || pace != Pace::thorough) return true;
  return !is_contender(schema::median({samples_us.begin(), samples_us.end()}), best_us);
}

}  // namespace moetune::kernels
