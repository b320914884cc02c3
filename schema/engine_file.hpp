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

/// The GEMM whose tiles a file holds. vLLM's file is for both; SGLang (0.5.5 and later) may read a second one for
/// GEMM 2.
enum class Gemm { up, down };
std::string_view name_of(Gemm gemm);
Result<Gemm> gemm_from_name(std::string_view name);

/// The name under which the engine looks for the file, e.g.
/// "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json" (SGLang: "[128, 128]", and "_down"
/// before the extension for GEMM 2). `device` is that of rows (device_from_driver). Errors: invalid_argument when the
/// device's name cannot be part of a file name (device_in_file_name), or for a file of vLLM's for GEMM 2.
Result<std::string> engine_file_name(EngineFormat format, std::string_view device, const Problem& problem,
                                     Gemm gemm = Gemm::up);

/// The file's bytes: 4-space indent, trailing newline, keys in the order given, each with the tile that `gemm` runs
/// with. vLLM's form starts with "triton_version" when the rows come from Triton (0.8.5 cannot read it, 0.11 and later
/// do); SGLang's must not have it (its loader raises). Precondition: for vLLM no configuration has a tile for GEMM 2 of
/// its own.
std::string engine_file_bytes(EngineFormat format, const std::vector<std::pair<std::int64_t, TileConfig>>& configs,
                              const std::optional<std::string>& triton_version, Gemm gemm = Gemm::up);

/// "3.6.0" from a compiler named "triton 3.6.0"; nothing for other compilers.
std::optional<std::string> triton_version_of(std::string_view compiler);

}  // namespace moetune::schema
