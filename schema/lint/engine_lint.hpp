#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schema/engine_file.hpp"
#include "schema/lint/finding.hpp"

namespace moetune::schema::lint {

struct Input {
  std::string path;  ///< its last part is the name; a folder triton_X_Y_Z before it means SGLang
  std::string text;
  /// For a file of GEMM 2: the text of GEMM 1's file beside it, nothing when there is none.
  std::optional<std::string> up_text = {};
  /// The engine that the file is for; nothing: what spelling, folder and "triton_version" tell.
  std::optional<EngineFormat> format = {};
};

/// "X.json" for "folder/X_down.json", the file that GEMM 2's belongs to; nothing for any other name.
std::optional<std::string> partner_path(std::string_view path);

/// Everything that can be said about one engine file without measuring. Never fails: what cannot be read is a finding.
Report lint_file(const Input& input);

}  // namespace moetune::schema::lint
