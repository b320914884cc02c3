#include "daemon/search/safety.hpp"

#include <algorithm>

namespace moetune::daemon::search {

bool slower_beyond_noise(const Measured& row, const Measured& standard) {
  const double spread = std::max(spread_us(row), spread_us(standard));
  return row.latency_us - standard.latency_us > std::min(spread, k_session_noise * standard.latency_us);
}

}  // namespace moetune::daemon::search
