#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kernels/cuda_kernel.hpp"
#include "kernels/nvrtc.hpp"
#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

namespace moetune::kernels::testing {

/// Compiles with the real compiler and writes artifact files into a folder, as the daemon's cache would have them.
/// Thread-safe.
class ArtifactMaker {
 public:
  /// Errors: unavailable without NVRTC.
  static schema::Result<ArtifactMaker> create(std::filesystem::path folder, std::string arch);

  /// Path of the artifact with the step kernels.
  schema::Result<std::string> step() const;
  /// Path of the artifact of one tile, compiled with `defines` besides what the tile needs. Errors: the compiler's.
  schema::Result<std::string> gemm(const schema::Problem& problem, const schema::TileConfig& config,
                                   const std::vector<std::string>& defines = {}) const;
  /// Path of an artifact that pretends to be a tile and holds the kernel moe_gemm of `source`.
  schema::Result<std::string> impostor(const std::string& name, const std::string& source) const;

 private:
  ArtifactMaker(std::filesystem::path folder, std::string arch, Nvrtc nvrtc)
      : folder_(std::move(folder)), arch_(std::move(arch)), nvrtc_(std::move(nvrtc)) {}
  schema::Result<std::string> make(const std::string& name, bool is_step, const CompileRequest& request) const;

  std::filesystem::path folder_;
  std::string arch_;
  Nvrtc nvrtc_;
};

}  // namespace moetune::kernels::testing
