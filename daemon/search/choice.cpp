#include "daemon/search/choice.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "schema/trial.hpp"

namespace moetune::daemon::search {

double spread_us(const Measured& row) {
  return schema::interquartile_range(row.samples_us);
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
