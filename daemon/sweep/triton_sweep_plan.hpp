#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "daemon/sweep/sweep_plan.hpp"
#include "daemon/sweep/triton_toolchain.hpp"
#include "schema/error.hpp"
#include "schema/sweep_spec.hpp"
#include "schema/tile_config.hpp"

namespace moetune::daemon {

/// The trials of a phase, given the engine's default of each batch.
using CandidatesFor = std::function<std::vector<search::Candidate>(const std::map<std::int64_t, schema::TileConfig>&)>;

/// Gives a plan that has its phase, group, target and candidates the kernels that Triton compiles for them. Without a
/// recording the engine's own heuristic, where it has one, replaces the defaults known to schema/, and the candidates
/// are made again by `candidates`; null where the defaults are known. Errors: those of TritonToolchain::plan.
schema::Result<void> apply_triton_kernels(SweepPlan& plan, const schema::SweepSpec& spec,
                                          const TritonToolchain& toolchain, const CandidatesFor& candidates);

}  // namespace moetune::daemon
