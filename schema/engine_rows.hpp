#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schema/error.hpp"
#include "schema/tile_config.hpp"

namespace moetune::schema {

/// One field of a row: a number, a string, true, false or null.
struct EngineField {
  std::string name;
  nlohmann::json value;
  bool operator==(const EngineField&) const = default;
};

/// One entry of an engine's file: a row of fields, or a plain value such as that of "triton_version".
struct EngineEntry {
  std::string key;
  std::variant<std::vector<EngineField>, nlohmann::json> content;

  /// Null when the entry is no row.
  const std::vector<EngineField>* row() const { return std::get_if<0>(&content); }
  bool operator==(const EngineEntry&) const = default;
};

/// What stands in an engine's file, in its order, repeated keys and fields nobody knows included.
struct EngineRows {
  std::vector<EngineEntry> entries;

  /// The text of "triton_version" (the last one, as in the engines' reader), nothing when there is none.
  std::optional<std::string> triton_version() const;
  bool operator==(const EngineRows&) const = default;
};

inline constexpr std::size_t k_max_engine_file = 1 << 20;  ///< bytes
inline constexpr std::size_t k_max_engine_entries = 4096;
inline constexpr std::size_t k_max_engine_fields = 64;  ///< of one row

/// Reads a file's text. Errors: too_large beyond the limits above; invalid_argument, saying where, for what is not JSON
/// or is no object of rows of plain values. What an engine would make of keys and values is not judged.
Result<EngineRows> engine_rows_from_text(std::string_view text);

/// The file's bytes in the engines' form: 4-space indent, ASCII, trailing newline. A file in that form that was read
/// comes out as it was.
std::string engine_rows_text(const EngineRows& rows);

/// A key as the engines read it, by Python's int(): blanks around, a sign, leading zeros and "_" between digits are
/// taken. Nothing for what int() refuses, and beyond 18 digits.
std::optional<std::int64_t> engine_key(std::string_view key);

/// The tile of a row, other fields left aside; num_warps and num_stages are the compiler's 4 and 3 where they are left
/// out. Errors: invalid_argument naming the field that is missing, repeated, or has a value that no tile has.
Result<TileConfig> tile_of(const std::vector<EngineField>& row);

}  // namespace moetune::schema
