#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schema/engine_file.hpp"
#include "schema/error.hpp"
#include "schema/problem.hpp"

namespace moetune::schema {

/// What the name of an engine's file says. Hidden size, topk and activation are not in it.
struct EngineFileName {
  std::int64_t num_experts = 0;        ///< E
  std::int64_t intermediate_size = 0;  ///< N
  std::string device;                  ///< may be empty: there are such files
  std::string dtype_word;              ///< as written; empty for bf16 and fp16
  std::optional<Dtype> dtype;          ///< nothing when no engine uses the word
  std::optional<BlockShape> block_shape;
  bool per_channel_quant = false;
  std::string backend;  ///< vLLM's mark of a file for a kernel that is not Triton's, e.g. "flydsl"
  Gemm gemm = Gemm::up;
  /// The engine whose spelling it is; nothing when both would write it so, or neither.
  std::optional<EngineFormat> format;
  /// True when an engine could write exactly this name for these facts, the device as it stands: no other spaces, no
  /// leading zeros.
  bool exact = false;

  auto operator<=>(const EngineFileName&) const = default;
};

/// Reads a file's name, or the last part of a path. The device may hold spaces, commas and anything else but '/'.
/// Errors: invalid_argument, naming the part that is missing or does not read, for what is no such name.
Result<EngineFileName> engine_file_name_from_text(std::string_view path);

/// The problem whose Triton kernel a file of that name steers; hidden_size and topk, which no name carries, are 0.
/// Errors: invalid_argument when the dtype is not known, or when the file is for another kernel.
Result<Problem> problem_of(const EngineFileName& name);

}  // namespace moetune::schema
