#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "daemon/sweep/machine.hpp"
#include "daemon/sweep/sweep_plan.hpp"
#include "schema/error.hpp"
#include "schema/sweep_spec.hpp"
#include "schema/tile_config.hpp"

namespace moetune::daemon {

/// The trials of a phase, given the engine's default of each batch.
using CandidatesFor = std::function<std::vector<search::Candidate>(const std::map<std::int64_t, schema::TileConfig>&)>;

/// Gives a plan that has its phase, group, target and candidates the kernels that are compiled for them. For a Triton
/// kernel the engine's own heuristic, where it has one and nothing is recorded, replaces the defaults known to schema/,
/// and the candidates are made again by `candidates`; null where the defaults are known. Errors: those of
/// TritonToolchain::plan.
schema::Result<void> apply_kernels(SweepPlan& plan, const schema::SweepSpec& spec, const Machine& machine,
                                   const CandidatesFor& candidates);

/// The rest of the step, which moetune's own device code computes for every kernel.
void apply_step_kernels(SweepPlan& plan, const schema::SweepSpec& spec, const Machine& machine);

}  // namespace moetune::daemon
