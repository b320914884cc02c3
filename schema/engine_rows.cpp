#include "schema/engine_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace moetune::schema {
namespace {

using nlohmann::json;

constexpr std::array k_tile_fields = {"BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K",
                                      "GROUP_SIZE_M", "num_warps",    "num_stages"};

/// Builds the rows from the parser's events and ends parsing at the first thing that no such file has.
class RowsBuilder {
 public:
  EngineRows& rows() { return rows_; }
  const Error& error() const { return error_; }

  // The interface that json::sax_parse asks for, in its names.
  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(json::number_integer_t value) { return put(value); }
  bool number_unsigned(json::number_unsigned_t value) { return put(value); }
  bool number_float(json::number_float_t value, const std::string&) { return put(value); }
  bool string(std::string& value) { return put(std::move(value)); }
  bool binary(json::binary_t& value) { return put(std::move(value)); }
  bool start_array(std::size_t) { return refuse(fmt::format("{} is an array", place())); }
  bool end_array() { return true; }

  bool start_object(std::size_t) {
    if (++depth_ > 2) return refuse(fmt::format("{} is an object: a field has a plain value", place()));
    if (depth_ == 2) rows_.entries.back().content = std::vector<EngineField>();
    return true;
  }
  bool end_object() {
    --depth_;
    return true;
  }

  bool key(std::string& name) {
    if (depth_ == 1) {
      rows_.entries.push_back({std::move(name), json()});
      return rows_.entries.size() <= k_max_engine_entries ||
             refuse(fmt::format("has more than {} keys", k_max_engine_entries), ErrorCode::too_large);
    }
    auto& row = std::get<0>(rows_.entries.back().content);
    row.push_back({std::move(name), nullptr});
    return row.size() <= k_max_engine_fields ||
           refuse(fmt::format("key \"{}\" has more than {} fields", rows_.entries.back().key.substr(0, 60),
                              k_max_engine_fields),
                  ErrorCode::too_large);
  }

  bool parse_error(std::size_t, const std::string&, const json::exception& error) {
    const std::string reason = error.what();
    const auto cut = reason.find("] ");
    return refuse(fmt::format("is not valid JSON: {}", cut == std::string::npos ? reason : reason.substr(cut + 2)));
  }

 private:
  bool refuse(std::string reason, ErrorCode code = ErrorCode::invalid_argument) {
    error_ = {code, fmt::format("the file {}", reason.substr(0, 300)), nullptr};
    return false;
  }

  /// Names the value that is being read.
  std::string place() const {
    if (depth_ == 0) return "is no object of rows by batch size; it";
    const EngineEntry& entry = rows_.entries.back();
    const std::string where = fmt::format("does not fit at key {}, \"{}\"", rows_.entries.size(), entry.key);
    const auto* row = entry.row();
    if (row == nullptr || row->empty()) return where + ", which";
    return fmt::format("{}, whose field \"{}\"", where, row->back().name);
  }

  template <typename Value>
  bool put(Value&& value) {
    if (depth_ == 0) return refuse("is no object of rows by batch size: it is a plain value");
    auto& content = rows_.entries.back().content;
    if (depth_ == 1) {
      content = json(std::forward<Value>(value));
    } else {
      std::get<0>(content).back().value = std::forward<Value>(value);
    }
    return true;
  }

  EngineRows rows_;
  int depth_ = 0;  ///< 1 in the file's object, 2 in a row
  Error error_;
};

std::string ascii(const json& value) {
  return value.dump(-1, ' ', true);
}

}  // namespace

std::optional<std::string> EngineRows::triton_version() const {
  std::optional<std::string> version;
  for (const EngineEntry& entry : entries) {
    if (entry.key != "triton_version") continue;
    const auto* value = std::get_if<json>(&entry.content);
    version = value != nullptr && value->is_string() ? value->get<std::string>() : "";
  }
  return version;
}

Result<EngineRows> engine_rows_from_text(std::string_view text) {
  if (text.size() > k_max_engine_file) {
    return fail(ErrorCode::too_large,
                fmt::format("the file has {} bytes, at most {} are read", text.size(), k_max_engine_file));
  }
  RowsBuilder builder;
  if (json::sax_parse(text, &builder)) return std::move(builder.rows());
  return std::unexpected(builder.error());
}

std::string engine_rows_text(const EngineRows& rows) {
  if (rows.entries.empty()) return "{}\n";
  std::string text = "{";
  const char* separator = "\n";
  for (const EngineEntry& entry : rows.entries) {
    text += fmt::format("{}    {}: ", separator, ascii(entry.key));
    separator = ",\n";
    const auto* row = entry.row();
    if (row == nullptr) {
      text += ascii(std::get<json>(entry.content));
      continue;
    }
    text += "{";
    const char* between = "\n";
    for (const EngineField& field : *row) {
      text += fmt::format("{}        {}: {}", between, ascii(field.name), ascii(field.value));
      between = ",\n";
    }
    text += row->empty() ? "}" : "\n    }";
  }
  return text + "\n}\n";
}

std::optional<std::int64_t> engine_key(std::string_view key) {
  constexpr std::string_view k_blanks = " \t\n\v\f\r";
  constexpr std::size_t k_most_digits = 18;
  const auto first = key.find_first_not_of(k_blanks);
  if (first == std::string_view::npos) return std::nullopt;
  key = key.substr(first, key.find_last_not_of(k_blanks) - first + 1);
  const bool negative = key.starts_with('-');
  if (negative || key.starts_with('+')) key.remove_prefix(1);
  std::string digits;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const bool digit = key[i] >= '0' && key[i] <= '9';
    // An underscore stands between two digits.
    if (!digit && !(key[i] == '_' && i > 0 && i + 1 < key.size() && key[i - 1] != '_')) return std::nullopt;
    if (digit) digits += key[i];
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - (digits.empty() ? 0 : 1)));
  if (digits.empty() || digits.size() > k_most_digits) return std::nullopt;
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return negative ? -number : number;
}

Result<TileConfig> tile_of(const std::vector<EngineField>& row) {
  json tile = {{"num_warps", 4}, {"num_stages", 3}};
  std::vector<std::string_view> seen;
  for (const EngineField& field : row) {
    if (std::ranges::find(k_tile_fields, field.name) == k_tile_fields.end()) continue;
    if (std::ranges::find(seen, field.name) != seen.end()) {
      return fail(ErrorCode::invalid_argument, fmt::format("config.{} appears twice", field.name));
    }
    seen.push_back(field.name);
    tile[field.name] = field.value;
  }
  return tile_config_from_json(tile);
}

}  // namespace moetune::schema
