#include "daemon/search/tile_axes.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace moetune::daemon::search {
namespace {

using schema::TileConfig;

int& field(Axis axis, TileConfig& config) {
  switch (axis) {
    case Axis::block_size_m:
      return config.block_size_m;
    case Axis::block_size_n:
      return config.block_size_n;
    case Axis::block_size_k:
      return config.block_size_k;
    case Axis::group_size_m:
      return config.group_size_m;
    case Axis::num_warps:
      return config.num_warps;
    case Axis::num_stages:
      break;
  }
  return config.num_stages;
}

}  // namespace

int value_on(Axis axis, const TileConfig& config) {
  TileConfig copy = config;
  return field(axis, copy);
}

TileConfig with_value(TileConfig config, Axis axis, int value) {
  field(axis, config) = value;
  return config;
}

TileAxes::TileAxes(const std::vector<TileConfig>& configs) {
  for (const Axis axis : k_axes) {
    std::set<int> values;
    for (const TileConfig& config : configs) values.insert(value_on(axis, config));
    values_[static_cast<std::size_t>(axis)].assign(values.begin(), values.end());
  }
}

std::vector<int> TileAxes::beside(Axis axis, int value) const {
  std::vector<int> beside;
  const auto& all = values(axis);
  const auto here = std::ranges::lower_bound(all, value);
  if (here != all.begin()) beside.push_back(*std::prev(here));
  const auto above = std::ranges::upper_bound(all, value);
  if (above != all.end()) beside.push_back(*above);
  return beside;
}

std::vector<TileConfig> TileAxes::around(const TileConfig& config) const {
  std::vector<TileConfig> around;
  std::set<TileConfig> known{config};
  const auto add = [&](const TileConfig& step) {
    if (known.insert(step).second) around.push_back(step);
  };
  for (const Axis axis : k_axes) {
    for (const int value : beside(axis, value_on(axis, config))) add(with_value(config, axis, value));
  }
  for (const int stages : values(Axis::num_stages)) add(with_value(config, Axis::num_stages, stages));
  for (const int block_size_k : values(Axis::block_size_k)) {
    if (block_size_k == config.block_size_k) continue;
    const TileConfig step = with_value(config, Axis::block_size_k, block_size_k);
    for (const int stages : values(Axis::num_stages)) add(with_value(step, Axis::num_stages, stages));
  }
  for (const int block_size_n : beside(Axis::block_size_n, config.block_size_n)) {
    const TileConfig step = with_value(config, Axis::block_size_n, block_size_n);
    for (const int warps : values(Axis::num_warps)) add(with_value(step, Axis::num_warps, warps));
  }
  return around;
}

}  // namespace moetune::daemon::search
