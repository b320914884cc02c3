#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/error.hpp"

namespace moetune::schema {

/// Parses UTF-8 JSON text strictly: no comments, no duplicate keys, at most `max_depth` nested levels.
/// Errors: invalid_argument, the message starts with `what` and says where and why.
Result<nlohmann::json> parse_json(std::string_view text, std::string_view what, int max_depth = 32);

/// Reads the fields of one JSON object strictly: wrong types, values out of range and unknown fields are errors that
/// name the culprit. Use: read every field, then call finish(); the first error wins and later reads return defaults.
/// Not thread-safe; keeps a reference to the object and the names that it was asked for, which must outlive it.
class ObjectReader {
 public:
  /// `what` names the object in messages, e.g. "trial" or "config".
  ObjectReader(const nlohmann::json& object, std::string_view what);

  static constexpr std::int64_t k_max = std::numeric_limits<std::int64_t>::max();

  std::int64_t integer(std::string_view name, std::int64_t low, std::int64_t high);
  std::optional<std::int64_t> optional_integer(std::string_view name, std::int64_t low, std::int64_t high);
  double number(std::string_view name, double low, double high);
  std::optional<double> optional_number(std::string_view name, double low, double high);
  std::string text(std::string_view name, std::size_t max_bytes = 256);
  std::optional<std::string> optional_text(std::string_view name, std::size_t max_bytes = 256);
  /// A field that must be present and may be null.
  std::optional<std::string> nullable_text(std::string_view name, std::size_t max_bytes = 256);
  std::optional<double> nullable_number(std::string_view name, double low, double high);
  bool boolean_or(std::string_view name, bool fallback);
  std::vector<std::int64_t> integers(std::string_view name, std::int64_t low, std::int64_t high, std::size_t max_count);
  std::optional<std::vector<double>> optional_numbers(std::string_view name, double low, double high,
                                                      std::size_t max_count);
  /// The raw value of a field, or null when it is absent. Marks the field as known.
  const nlohmann::json* raw(std::string_view name);
  const nlohmann::json* required_raw(std::string_view name);
  bool has(std::string_view name) const;
  /// Rejects null in fields that may be left out but have no null.
  void refuse_null(std::initializer_list<std::string_view> names);

  /// Records an error about a field found by the caller ("<what>.<name>: <message>").
  void reject(std::string_view name, std::string message);
  void adopt(const Error& error);

  bool ok() const { return !error_; }
  /// The first error, or an error that names a field nobody asked for; nothing when all is well.
  Result<void> finish();

 private:
  const nlohmann::json* find(std::string_view name, bool required);
  bool is_known(std::string_view name) const;
  template <typename T>
  std::optional<T> checked_number(std::string_view name, const nlohmann::json& value, T low, T high);

  const nlohmann::json& object_;
  std::string what_;
  std::vector<std::string_view> known_;  ///< the fields that were asked for
  std::optional<Error> error_;
};

}  // namespace moetune::schema
