#pragma once

#include "daemon/sweep/kernel_plan.hpp"
#include "daemon/sweep/triton_toolchain.hpp"
#include "schema/error.hpp"
#include "schema/sweep_spec.hpp"

namespace moetune::daemon {

/// apply_kernels() for kernels that Triton compiles.
schema::Result<void> apply_triton_kernels(SweepPlan& plan, const schema::SweepSpec& spec,
                                          const TritonToolchain& toolchain, const CandidatesFor& candidates);

}  // namespace moetune::daemon
