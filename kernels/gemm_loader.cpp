#include "kernels/gemm_loader.hpp"

#include <span>

#include "kernels/cuda_gemm.hpp"
#include "kernels/triton_gemm.hpp"

namespace moetune::kernels {

Result<std::unique_ptr<GemmKernel>> load_gemm(const Artifact& artifact, const schema::Problem& problem,
                                              const schema::TileConfig& config, const std::string& arch,
                                              std::int64_t shared_limit) {
  const auto cubin = std::as_bytes(std::span(artifact.cubin));
  if (artifact.info.launch.empty()) {
    const auto variant = make_variant(problem, config, arch);
    if (!variant) return std::unexpected(variant.error());
    return CudaGemm::load(*variant, cubin, shared_limit);
  }
  auto launch = triton_launch_from_json(artifact.info.launch);
  if (!launch) return std::unexpected(launch.error());
  return TritonGemm::load(std::move(*launch), cubin, artifact.info.shared_bytes, shared_limit);
}

}  // namespace moetune::kernels
