#pragma once

#include "kernels/cuda_driver.hpp"
#include "kernels/power_watch.hpp"

namespace moetune::kernels {

/// Waits until the work before `event` is done and reads the clock meanwhile. A kernel that never ends cannot be
/// stopped, only waited for: at the deadline this gives up, and the process must end, for its context is lost.
/// Errors: what the work failed with; unavailable, is_timeout(), at the deadline.
Result<void> wait_bounded(const Event& event, SteadyTime deadline, PowerWatch& watch);

bool is_timeout(const Error& error);

}  // namespace moetune::kernels
