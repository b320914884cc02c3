#include "tests/fuzz/demand.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace moetune::fuzz {
namespace {

constexpr std::size_t k_longest_message = 4096;

[[noreturn]] void give_up(std::string_view what, const std::source_location& where) {
  fmt::print(stderr, "{}:{}: {}\n", where.file_name(), where.line(), what);
  std::abort();
}

}  // namespace

void demand(bool holds, std::string_view property, std::source_location where) {
  if (!holds) give_up(fmt::format("does not hold: {}", property), where);
}

void demand_reason(const schema::Error& error, std::source_location where) {
  if (error.message.empty()) give_up("refused without a message", where);
  if (error.message.size() > k_longest_message) {
    give_up(fmt::format("a message of {} bytes: {}", error.message.size(), error.message.substr(0, 200)), where);
  }
  if (error.code == schema::ErrorCode::internal) give_up(fmt::format("refused as a defect: {}", error.message), where);
}

}  // namespace moetune::fuzz
