#pragma once

#include <cstdint>
#include <vector>

#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

namespace moetune::daemon::search {

/// One trial to make.
struct Candidate {
  std::int64_t batch = 0;
  schema::TileConfig config;
  auto operator<=>(const Candidate&) const = default;
};

/// The trials of an exhaustive sweep in the order that makes partial results useful: every batch's default first, then
/// each tile (GROUP_SIZE_M aside, one compiled kernel) once over all batches, tiles near 4 warps and 3 stages first,
/// and last the tiles' other values of GROUP_SIZE_M. The default is part of the plan whether or not the space has it.
std::vector<Candidate> exhaustive_plan(const schema::Problem& problem, const std::vector<std::int64_t>& batches,
                                       const std::vector<schema::TileConfig>& configs);

/// The configuration with GROUP_SIZE_M taken out: configurations that share it share a compiled kernel.
schema::TileConfig without_group(schema::TileConfig config);

/// Shares batches out over `workers` so that each has about the same work, taking a batch's cost as batch plus a
/// constant. Returns, for each batch of `batches`, the worker's index. All rows of one batch are measured by one GPU.
std::vector<std::size_t> share_out(const std::vector<std::int64_t>& batches, std::size_t workers);

}  // namespace moetune::daemon::search
