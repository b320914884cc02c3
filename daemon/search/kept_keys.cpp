#include "daemon/search/kept_keys.hpp"

#include <algorithm>

namespace moetune::daemon::search {
namespace {

bool is_key(std::span<const CoverKey> keys, std::int64_t batch) {
  return std::ranges::find(keys, batch, &CoverKey::batch) != keys.end();
}

bool suits(const CoverPoint& point, const schema::TileConfig& config) {
  const auto option = std::ranges::find(point.options, config, &CoverOption::config);
  return option != point.options.end() && option->safe && !gives_way(point, *option);
}

}  // namespace

std::size_t most_keys(std::size_t needed) {
  constexpr std::size_t k_least_more = 2;
  constexpr std::size_t k_part = 4;
  return needed + std::max(k_least_more, needed / k_part);
}

bool may_stay(std::span<const CoverPoint> points, std::span<const CoverKey> in_force) {
  if (in_force.empty()) return false;
  const auto is_point = [&](const CoverKey& key) {
    return std::ranges::find(points, key.batch, &CoverPoint::batch) != points.end();
  };
  if (!std::ranges::all_of(in_force, is_point)) return false;
  const auto held = held_points(points);
  for (std::size_t p = 0; p < points.size(); ++p) {
    if (held[p] && !is_key(in_force, points[p].batch)) return false;
    if (!suits(points[p], config_at(in_force, points[p].batch))) return false;
  }
  return true;
}

KeptCover keep_keys(std::span<const CoverPoint> points, std::span<const CoverKey> in_force) {
  const auto fresh = key_cover(points);
  const std::size_t most = most_keys(fresh.size());
  if (in_force.empty()) return {fresh, fresh};
  if (in_force.size() <= most && may_stay(points, in_force)) return {{in_force.begin(), in_force.end()}, fresh};
  const auto changed = key_cover(points, in_force);
  return {changed.size() <= most ? changed : fresh, fresh};
}

}  // namespace moetune::daemon::search
