#include "daemon/search/choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace moetune::daemon::search {

double spread_us(const Measured& row) {
  if (row.samples_us.size() < 2) return 0;
  std::vector<double> sorted = row.samples_us;
  std::ranges::sort(sorted);
  const auto quantile = [&](double share) {
    const double place = share * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (sorted[above] - sorted[below]) * (place - static_cast<double>(below));
  };
  return quantile(0.75) - quantile(0.25);
}

Choice choose(const Measured& best, const std::optional<Default>& fallback) {
  if (!fallback) {
    return {best.config, best.latency_us, false, "best measured; the engine's default is not known for these rows"};
  }
  if (fallback->failed) {
    return {best.config, best.latency_us, false, "best measured; the engine's default does not run on this device"};
  }
  if (!fallback->measured) {
    return {fallback->config, std::nullopt, true,
            "default kept: it was not measured in the same sweep as the best row"};
  }
  const Measured& standard = *fallback->measured;
  if (best.config == standard.config) return {best.config, best.latency_us, true, "the default is the best"};
  const double gain = standard.latency_us - best.latency_us;
  const double noise = std::max(spread_us(best), spread_us(standard));
  const double gain_percent = 100 * gain / standard.latency_us;
  const double noise_percent = 100 * noise / standard.latency_us;
  if (gain > noise) {
    return {best.config, best.latency_us, false,
            fmt::format("{:.2f} % faster than the default, spread {:.2f} %", gain_percent, noise_percent)};
  }
  return {
      standard.config, standard.latency_us, true,
      fmt::format("default kept: best is {:.2f} % faster, within the spread of {:.2f} %", gain_percent, noise_percent)};
}

}  // namespace moetune::daemon::search
