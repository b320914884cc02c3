#include "kernels/gemm_loader.hpp"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "kernels/cuda_gemm.hpp"
#include "kernels/triton_gemm.hpp"

namespace moetune::kernels {

namespace {

using Constants = std::initializer_list<std::pair<const char*, int>>;

/// Whether an artifact was compiled with these constants, as far as its options under `section` name them.
Result<void> check_constants(const ArtifactParts& parts, const char* section, Constants constants) {
  const auto compiled = parts.options.find(section);
  if (compiled == parts.options.end()) return {};
  for (const auto& [name, value] : constants) {
    const auto found = compiled->find(name);
    if (found == compiled->end()) continue;
    const std::string text = found->is_string() ? found->get<std::string>() : found->dump();
    if (text == std::to_string(value)) continue;
    return schema::fail(
        ErrorCode::invalid_argument,
        fmt::format("the artifact was compiled with {} {}, its GEMM is to run with {}", name, text, value));
  }
  return {};
}

Result<std::unique_ptr<GemmKernel>> load_cuda(const ArtifactParts& parts, const Variant& variant,
                                              std::span<const std::byte> cubin, std::int64_t shared_limit) {
  auto same = check_constants(parts, "defines",
                              {{"BLOCK_SIZE_M", variant.block_size_m},
                               {"BLOCK_SIZE_N", variant.block_size_n},
                               {"BLOCK_SIZE_K", variant.block_size_k},
                               {"NUM_WARPS", variant.num_warps},
                               {"NUM_STAGES", variant.num_stages}});
  if (!same) return std::unexpected(same.error());
  return CudaGemm::load(variant, cubin, shared_limit);
}

}  // namespace

Result<std::unique_ptr<GemmKernel>> load_gemm(const Artifact& artifact, const schema::Problem& problem,
                                              const schema::TileConfig& tile, const std::string& arch,
                                              std::int64_t shared_limit) {
  const auto cubin = std::as_bytes(std::span(artifact.cubin));
  if (artifact.info.launch.empty()) {
    const auto variant = make_variant(problem, tile, arch);
    if (!variant) return std::unexpected(variant.error());
    return load_cuda(artifact.parts, *variant, cubin, shared_limit);
  }
  auto launch = triton_launch_from_json(artifact.info.launch);
  if (!launch) return std::unexpected(launch.error());
  // What the grid follows. BLOCK_SIZE_K may be clamped or not, as the engine does it.
  auto same = check_constants(artifact.parts, "constants",
                              {{"BLOCK_SIZE_M", tile.block_size_m}, {"BLOCK_SIZE_N", tile.block_size_n}});
  if (!same) return std::unexpected(same.error());
  return TritonGemm::load(std::move(*launch), cubin, artifact.info.shared_bytes, shared_limit);
}

}  // namespace moetune::kernels
