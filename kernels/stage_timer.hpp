#pragma once

#include <map>
#include <string>

#include "kernels/replay_timer.hpp"
#include "kernels/resident_problem.hpp"

namespace moetune::kernels {

/// Times the parts of a step that no configuration steers but BLOCK_SIZE_M: "alignment", "activation", "quantisation"
/// (of the step's input and of the activation; quantised problems only), "reduction". Microseconds each, with warm
/// caches. Precondition: resident.prepare(batch, block_size_m). Errors: as ReplayTimer.
Result<std::map<std::string, double>> time_stages(const ResidentProblem& resident, std::int64_t batch, int block_size_m,
                                                  const Stream& stream, ReplayTimer& timer, SteadyTime deadline);

}  // namespace moetune::kernels
