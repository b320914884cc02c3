#include "daemon/sweep/traffic_ranks.hpp"

#include <algorithm>

#include "daemon/traffic_gain.hpp"

namespace moetune::daemon {

search::BatchRanks ranks_by_traffic(const std::optional<schema::Traffic>& traffic, std::vector<std::int64_t> batches) {
  constexpr double k_fixed = 512;
  if (!traffic || batches.empty()) return {};
  std::ranges::sort(batches);
  std::vector<KeyTimes> keys;
  for (const std::int64_t batch : batches) {
    keys.push_back(
        {.batch = batch, .best_us = static_cast<double>(batch) + k_fixed, .default_us = {}, .chosen_us = {}});
  }
  return search::ranks_by_time(time_by_key(*traffic, keys));
}

}  // namespace moetune::daemon
