#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "schema/error.hpp"

namespace moetune::schema {

/// A point in UTC time, milliseconds since 1970-01-01T00:00:00Z. Stored as that integer, shown as ISO 8601.
struct Timestamp {
  std::int64_t ms = 0;
  auto operator<=>(const Timestamp&) const = default;
};

Timestamp now();

/// "2026-11-20T10:15:00Z", with ".123" before the Z only when the milliseconds are not zero.
std::string to_text(Timestamp time);

/// Accepts what to_text writes, with 0 to 9 digits of fraction and "Z" or "+hh:mm". Errors: invalid_argument.
Result<Timestamp> timestamp_from_text(std::string_view text);

}  // namespace moetune::schema
