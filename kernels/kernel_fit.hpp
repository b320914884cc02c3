#pragma once

#include <cstdint>

#include "kernels/cuda_driver.hpp"

namespace moetune::kernels {

/// Whether a block of a kernel has room on the device. Errors: is_out_of_resources(), with both figures.
Result<void> check_shared(std::int64_t bytes, std::int64_t limit);
Result<void> check_threads(const Function& function, int threads);

}  // namespace moetune::kernels
