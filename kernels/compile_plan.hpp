#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernels/artifact_file.hpp"
#include "kernels/nvrtc.hpp"
#include "kernels/worker_protocol.hpp"
#include "schema/error.hpp"

namespace moetune::kernels {

/// How the kernel `cuda` answers one job, decided without a compiler.
struct CompilePlan {
  ArtifactParts parts;  ///< the compiler's name is still empty
  CompileRequest request;
  std::int64_t shared_bytes = 0;  ///< dynamic shared memory of one block
  std::optional<std::int64_t> shared_limit;
};

/// Errors: invalid_argument for a problem or tile that the kernel does not have.
schema::Result<CompilePlan> plan_compile(const CompileJob& job);

/// What the artifact of `job` depends on; `compiler` as in Hello. Jobs that differ only in what the machine code does
/// not depend on (GROUP_SIZE_M, shapes, id, output) have equal parts. Errors: as plan_compile.
schema::Result<ArtifactParts> artifact_parts(const CompileJob& job, const std::string& compiler);

}  // namespace moetune::kernels
