#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schema/lint/code.hpp"

namespace moetune::schema::lint {

struct Finding {
  Code code = Code::unreadable;
  std::optional<std::int64_t> batch;  ///< nothing for what concerns the whole file, or a key that is no number
  std::string message;
  bool operator==(const Finding&) const = default;
};

struct Report {
  std::vector<Finding> findings;   ///< of the file first, then row by row in the file's order
  std::vector<std::string> notes;  ///< what could not be checked, and why: no findings
};

}  // namespace moetune::schema::lint
