#include "daemon/sweep/rows_so_far.hpp"

#include <algorithm>

namespace moetune::daemon {

std::map<std::int64_t, double> fastest_so_far(std::span<const db::ScannedRow> rows,
                                              const std::function<std::optional<std::string>(std::int64_t)>& gpu_of,
                                              schema::Timestamp since) {
  std::map<std::int64_t, double> fastest;
  for (const db::ScannedRow& row : rows) {
    if (row.status != schema::TrialStatus::ok || row.measured_at < since) continue;
    if (row.gpu_uuid && row.gpu_uuid != gpu_of(row.key.batch)) continue;
    const auto [best, first] = fastest.try_emplace(row.key.batch, row.latency_us);
    if (!first) best->second = std::min(best->second, row.latency_us);
  }
  return fastest;
}

}  // namespace moetune::daemon
