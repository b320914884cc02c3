#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernels/artifact_file.hpp"
#include "kernels/gemm_kernel.hpp"

namespace moetune::kernels {

/// Loads what an artifact holds, whatever compiled it, to be launched as `tile` with any GROUP_SIZE_M. `arch` is the
/// device's compile target, `shared_limit` its bytes of shared memory for a block. Errors: what loading it failed with;
/// a kernel that asks for more than the device has is_out_of_resources(); invalid_argument when the artifact does not
/// say how it is launched, or is of another tile.
Result<std::unique_ptr<GemmKernel>> load_gemm(const Artifact& artifact, const schema::Problem& problem,
                                              const schema::TileConfig& tile, const std::string& arch,
                                              std::int64_t shared_limit);

}  // namespace moetune::kernels
