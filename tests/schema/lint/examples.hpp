#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schema/lint/engine_lint.hpp"

namespace moetune::schema::lint {

/// A file with findings of one code only.
struct Example {
  Code code;
  Input input;
  std::optional<std::int64_t> batch;  ///< of the first finding
  std::string says;                   ///< part of its message
};

/// At least one of each code.
std::vector<Example> examples();

/// A file with dense keys, each with this row ("\"BLOCK_SIZE_M\": 16, ..."); `extra` comes first, as "\"key\": value,".
std::string file_of(const std::string& row, const std::string& extra = "");
/// A file that no rule has anything to say about under any of these names.
std::string clean_text();
std::vector<std::string> clean_paths();

}  // namespace moetune::schema::lint
