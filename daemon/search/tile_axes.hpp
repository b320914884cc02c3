#pragma once

#include <array>
#include <optional>
#include <vector>

#include "schema/tile_config.hpp"

namespace moetune::daemon::search {

/// The fields of a configuration, as the axes of a search.
enum class Axis { block_size_m, block_size_n, block_size_k, group_size_m, num_warps, num_stages };
inline constexpr std::array k_axes = {Axis::block_size_m, Axis::block_size_n, Axis::block_size_k,
                                      Axis::group_size_m, Axis::num_warps,    Axis::num_stages};

int value_on(Axis axis, const schema::TileConfig& config);
schema::TileConfig with_value(schema::TileConfig config, Axis axis, int value);

/// The values that configurations have on each axis, and the steps from one configuration to those around it.
class TileAxes {
 public:
  explicit TileAxes(const std::vector<schema::TileConfig>& configs);

  const std::vector<int>& values(Axis axis) const { return values_[static_cast<std::size_t>(axis)]; }

  /// The configurations around one: the next smaller and the next larger value on one axis, which may itself have a
  /// value between those of the axis; every num_stages, since the shared memory that they take decides in jumps how
  /// many programs run on a multiprocessor at once; and two steps at once where one alone seldom pays: BLOCK_SIZE_K
  /// with num_stages (their product is what fills the shared memory), and BLOCK_SIZE_N one step with num_warps
  /// (registers of a thread). Not every one need be a configuration of the space. `config` itself is not among them,
  /// none is there twice.
  std::vector<schema::TileConfig> around(const schema::TileConfig& config) const;

 private:
  std::vector<int> beside(Axis axis, int value) const;

  std::array<std::vector<int>, k_axes.size()> values_;
};

}  // namespace moetune::daemon::search
