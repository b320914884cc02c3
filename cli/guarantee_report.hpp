#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "schema/error.hpp"

namespace moetune::cli {

/// What a person needs to know of the daemon's answer to GET /guarantee.
struct GuaranteeReport {
  bool safe = false;
  std::vector<std::int64_t> measured;  ///< M, ascending
  std::vector<std::string> lines;      ///< the verdict first
};

/// Errors: data_damaged when the answer is none.
schema::Result<GuaranteeReport> guarantee_report(const nlohmann::ordered_json& answer);

/// "3, 5, 6 and 12 more": at most `most` of the numbers.
std::string some_of(const std::vector<std::int64_t>& numbers, std::size_t most);

}  // namespace moetune::cli
