#include "daemon/search/eta.hpp"

#include <algorithm>

namespace moetune::daemon::search {

std::optional<double> eta_seconds(const Remaining& remaining) {
  std::size_t left = 0;
  for (const auto& [batch, count] : remaining.trials) left += count;
  if (left == 0 && remaining.compiles == 0) return 0.0;
  if (left > 0 && remaining.seconds_per_trial.empty()) return std::nullopt;
  if (remaining.compiles > 0 && !remaining.seconds_per_compile) return std::nullopt;
  double known = 0;
  for (const auto& [batch, seconds] : remaining.seconds_per_trial) known += seconds;
  const double mean =
      remaining.seconds_per_trial.empty() ? 0 : known / static_cast<double>(remaining.seconds_per_trial.size());
  double measuring = 0;
  for (const auto& [batch, count] : remaining.trials) {
    const auto found = remaining.seconds_per_trial.find(batch);
    measuring += static_cast<double>(count) * (found == remaining.seconds_per_trial.end() ? mean : found->second);
  }
  measuring /= static_cast<double>(std::max<std::size_t>(remaining.measure_workers, 1));
  const double compiling = static_cast<double>(remaining.compiles) * remaining.seconds_per_compile.value_or(0) /
                           static_cast<double>(std::max<std::size_t>(remaining.compile_slots, 1));
  return std::max(measuring, compiling);
}

}  // namespace moetune::daemon::search
