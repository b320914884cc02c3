#include "schema/engine_file.hpp"

#include <fmt/format.h>

#include "schema/device_name.hpp"

namespace moetune::schema {

std::string_view name_of(EngineFormat format) {
  return format == EngineFormat::vllm ? "vllm" : "sglang";
}

Result<EngineFormat> engine_format_from_name(std::string_view name) {
  if (name == "vllm") return EngineFormat::vllm;
  if (name == "sglang") return EngineFormat::sglang;
  return fail(ErrorCode::invalid_argument, fmt::format("format \"{}\" is not known; use vllm or sglang", name));
}

std::string_view name_of(Gemm gemm) {
  return gemm == Gemm::up ? "up" : "down";
}

Result<Gemm> gemm_from_name(std::string_view name) {
  if (name == "up") return Gemm::up;
  if (name == "down") return Gemm::down;
  return fail(ErrorCode::invalid_argument, fmt::format("gemm \"{}\" is not known; use up or down", name));
}

Result<std::string> engine_file_name(EngineFormat format, std::string_view device, const Problem& problem, Gemm gemm) {
  if (format == EngineFormat::vllm && gemm == Gemm::down) {
    return fail(ErrorCode::invalid_argument,
                "gemm \"down\" needs format sglang: a vllm file holds one tile for both GEMMs");
  }
  const auto spelt = device_in_file_name(format, device);
  if (!spelt) return std::unexpected(spelt.error());
  std::string name = fmt::format("E={},N={},device_name={}", problem.num_experts, problem.intermediate_size, *spelt);
  if (problem.dtype != Dtype::none) name += fmt::format(",dtype={}", name_of(problem.dtype));
  if (problem.block_shape && problem.block_shape->n > 0 && problem.block_shape->k > 0) {
    const char* separator = format == EngineFormat::vllm ? "," : ", ";
    name += fmt::format(",block_shape=[{}{}{}]", problem.block_shape->n, separator, problem.block_shape->k);
  }
  if (format == EngineFormat::sglang && problem.per_channel_quant) name += ",per_channel_quant=True";
  if (gemm == Gemm::down) name += "_down";
  return name + ".json";
}

std::string engine_file_bytes(EngineFormat format, const std::vector<std::pair<std::int64_t, TileConfig>>& configs,
                              const std::optional<std::string>& triton_version, Gemm gemm) {
  nlohmann::ordered_json file = nlohmann::ordered_json::object();
  if (format == EngineFormat::vllm && triton_version) file["triton_version"] = *triton_version;
  for (const auto& [batch, config] : configs) {
    file[std::to_string(batch)] = to_json(gemm == Gemm::up ? up_tile(config) : down_tile(config));
  }
  return file.dump(4) + "\n";
}

std::optional<std::string> triton_version_of(std::string_view compiler) {
  constexpr std::string_view k_prefix = "triton ";
  if (!compiler.starts_with(k_prefix)) return std::nullopt;
  return std::string(compiler.substr(k_prefix.size()));
}

}  // namespace moetune::schema
