#pragma once

#include <string>

#include "kernels/artifact_file.hpp"
#include "kernels/worker_protocol.hpp"
#include "schema/error.hpp"

namespace moetune::kernels {

/// What the artifact of `job` depends on, for the kernel `cuda`; `compiler` as in Hello. Loads no compiler. Jobs that
/// differ only in what the machine code does not depend on (GROUP_SIZE_M, shapes, id, output) have equal parts.
/// Errors: invalid_argument for a problem or tile that the kernel does not have.
schema::Result<ArtifactParts> artifact_parts(const CompileJob& job, const std::string& compiler);

}  // namespace moetune::kernels
