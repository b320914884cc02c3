#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/error.hpp"
#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

namespace moetune::schema {

enum class EngineFormat { vllm, sglang };
std::string_view name_of(EngineFormat format);
Result<EngineFormat> engine_format_from_name(std::string_view name);

/// The name under which the engine looks for the file, e.g.
/// "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json" (SGLang: "[128, 128]").
/// `device` is the engines' spelling. Errors: invalid_argument when the device's name cannot be part of a file name.
Result<std::string> engine_file_name(EngineFormat format, std::string_view device, const Problem& problem);

/// The file's bytes: 4-space indent, trailing newline, keys in the order given. vLLM's form starts with
/// "triton_version" when the rows come from Triton; SGLang's must not have it (its loader raises).
std::string engine_file_bytes(EngineFormat format, const std::vector<std::pair<std::int64_t, TileConfig>>& configs,
                              const std::optional<std::string>& triton_version);

/// "3.6.0" from a compiler named "triton 3.6.0"; nothing for other compilers.
std::optional<std::string> triton_version_of(std::string_view compiler);

}  // namespace moetune::schema
