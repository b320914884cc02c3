#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
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

/// Configurations that somebody found good, by batch, the most promising first.
using Seeds = std::map<std::int64_t, std::vector<schema::TileConfig>>;

/// The trials of an exhaustive sweep in the order that makes partial results useful: every batch's default first, then
/// its seeds, which the space need not have, then each tile (GROUP_SIZE_M aside, one compiled kernel) once over all
/// batches, tiles near 4 warps and 3 stages first, and last the tiles' other values of GROUP_SIZE_M. A default is part
/// of the plan whether or not the space has it.
std::vector<Candidate> exhaustive_plan(const std::map<std::int64_t, schema::TileConfig>& default_of_batch,
                                       const std::vector<schema::TileConfig>& configs, const Seeds& seeds = {});

/// The trials of candidates that were named: by batch, its default first, then the named ones as they really run, each
/// once, in the order given. A batch may lack a default.
std::vector<Candidate> named_plan(const schema::Problem& problem,
                                  const std::map<std::int64_t, schema::TileConfig>& default_of_batch,
                                  const std::map<std::int64_t, std::vector<schema::TileConfig>>& named);

/// The same trials in the order of a scan, which does not rest: light batches before heavy ones, so that the heat of
/// these is left to the gaps in which the GPU has nothing lighter to do.
std::vector<Candidate> light_batches_first(std::vector<Candidate> plan);

/// The engine's default for each batch as schema/ knows it, and what it really runs as.
std::map<std::int64_t, schema::TileConfig> known_defaults(const schema::Problem& problem,
                                                          const std::vector<std::int64_t>& batches);

/// Index into the kernels that a sweep compiles.
struct KernelIndex {
  std::size_t value = 0;
  auto operator<=>(const KernelIndex&) const = default;
};

/// Which kernels must be there before a trial can be measured.
struct KernelNeeds {
  std::size_t kernels = 0;
  std::vector<std::vector<KernelIndex>> of_trial;  ///< by trial: for both GEMMs, or GEMM 1's and GEMM 2's
  std::set<KernelIndex> slow = {};                 ///< stragglers: they begin early, but never fill the compile slots
};

/// Whether Triton takes seconds to compile this tile instead of tenths: its accumulators are more than the 255
/// registers that a thread can have. Measured with fp8 tiles on Triton 3.6: 256x256 with 4 warps 11 to 13 s, 128x256
/// with 4 warps 4 s, most others 0.3 s.
bool is_slow_to_compile(const schema::TileConfig& tile);

/// The configuration with GROUP_SIZE_M taken out, GEMM 2's too: configurations that share it share compiled kernels.
schema::TileConfig without_group(const schema::TileConfig& config);

/// Kernels of which one serves all batches and every GROUP_SIZE_M: the distinct tiles, in the order of their first
/// trial.
struct TileKernels {
  std::vector<schema::TileConfig> tiles;  ///< by kernel
  KernelNeeds needs;
};
TileKernels one_kernel_per_tile(const std::vector<Candidate>& plan);

}  // namespace moetune::daemon::search
