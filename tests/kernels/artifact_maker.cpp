#include "tests/kernels/artifact_maker.hpp"

#include <fmt/format.h>

#include "kernels/artifact_file.hpp"
#include "kernels/step_kernels.hpp"

namespace moetune::kernels::testing {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

Result<ArtifactMaker> ArtifactMaker::create(std::filesystem::path folder, std::string arch) {
  auto nvrtc = Nvrtc::open();
  if (!nvrtc) return std::unexpected(nvrtc.error());
  return ArtifactMaker(std::move(folder), std::move(arch), std::move(*nvrtc));
}

Result<std::string> ArtifactMaker::make(const std::string& name, bool is_step, const CompileRequest& request) const {
  auto compiled = nvrtc_.compile(request);
  if (!compiled) return std::unexpected(compiled.error());
  if (compiled->status != CompileStatus::ok) return fail(ErrorCode::internal, name + ": " + compiled->log);
  Artifact artifact;
  artifact.parts.kernel = "cuda";
  artifact.parts.arch = arch_;
  artifact.parts.unit = is_step ? Unit::step : Unit::gemm;
  artifact.cubin.assign(reinterpret_cast<const char*>(compiled->cubin.data()), compiled->cubin.size());
  const auto path = folder_ / name;
  if (auto written = write_artifact(path, artifact); !written) return std::unexpected(written.error());
  return path.string();
}

Result<std::string> ArtifactMaker::step() const {
  return make("step", true, step_compile_request(arch_));
}

Result<std::string> ArtifactMaker::gemm(const schema::Problem& problem, const schema::TileConfig& config,
                                        const std::vector<std::string>& defines) const {
  const auto variant = make_variant(problem, config, arch_);
  if (!variant) return std::unexpected(variant.error());
  const auto name = fmt::format("{}x{}x{}w{}s{}{}", variant->block_size_m, variant->block_size_n, variant->block_size_k,
                                variant->num_warps, variant->num_stages, fmt::join(defines, ""));
  return make(name, false, compile_request(*variant, defines));
}

Result<std::string> ArtifactMaker::impostor(const std::string& name, const std::string& source) const {
  CompileRequest request;
  request.name = name + ".cu";
  request.source = source;
  request.arch = arch_;
  return make(name, false, request);
}

}  // namespace moetune::kernels::testing
