#include "kernels/ptxas_log.hpp"

#include <algorithm>
#include <charconv>

namespace moetune::kernels {
namespace {

/// The number right before every occurrence of `unit`, the largest of them; 0 when there is none.
std::int64_t largest_before(std::string_view log, std::string_view unit) {
  std::int64_t largest = 0;
  for (auto at = log.find(unit); at != std::string_view::npos; at = log.find(unit, at + 1)) {
    const auto before = log.substr(0, at);
    const auto digits = before.substr(before.find_last_not_of("0123456789") + 1);
    std::int64_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    largest = std::max(largest, number);
  }
  return largest;
}

}  // namespace

PtxasUse read_ptxas_log(std::string_view log) {
  return {.registers = largest_before(log, " registers"), .spill_bytes = largest_before(log, " bytes spill stores")};
}

}  // namespace moetune::kernels
