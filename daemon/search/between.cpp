#include "daemon/search/between.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace moetune::daemon::search {
namespace {

/// The sizes up to `last` that decode steps are padded to, and every smaller one, since the time of few tokens depends
/// on their very number.
std::set<std::int64_t> graph_sizes(std::int64_t last) {
  constexpr std::int64_t k_every_up_to = 32;
  constexpr std::int64_t k_coarse_from = 256;
  constexpr std::int64_t k_largest = 512;
  std::set<std::int64_t> sizes;
  for (std::int64_t size = 1; size <= k_every_up_to; ++size) sizes.insert(size);
  for (std::int64_t size = 8; size < k_coarse_from; size += 8) sizes.insert(size);
  for (std::int64_t size = k_coarse_from; size <= k_largest; size += 16) sizes.insert(size);
  sizes.erase(sizes.upper_bound(last), sizes.end());
  return sizes;
}

}  // namespace

std::vector<std::int64_t> points_between(std::span<const std::int64_t> batches) {
  if (batches.empty()) return {};
  auto points = graph_sizes(batches.back());
  for (std::size_t i = 1; i < batches.size(); ++i) points.insert((batches[i - 1] + batches[i]) / 2);
  points.erase(points.begin(), points.lower_bound(batches.front()));
  for (const std::int64_t batch : batches) points.erase(batch);
  return {points.begin(), points.end()};
}

std::map<std::int64_t, std::vector<schema::TileConfig>> neighbours_at(
    std::span<const std::int64_t> points, const std::map<std::int64_t, schema::TileConfig>& chosen) {
  std::map<std::int64_t, std::vector<schema::TileConfig>> neighbours;
  for (const std::int64_t point : points) {
    const auto right = chosen.upper_bound(point);
    auto& configs = neighbours[point];
    if (right != chosen.begin()) configs.push_back(std::prev(right)->second);
    if (right != chosen.end() && std::ranges::find(configs, right->second) == configs.end()) {
      configs.push_back(right->second);
    }
  }
  return neighbours;
}

}  // namespace moetune::daemon::search
