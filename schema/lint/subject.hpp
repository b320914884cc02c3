#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schema/engine_file_name.hpp"
#include "schema/engine_rows.hpp"
#include "schema/lint/engine_lint.hpp"
#include "schema/lint/gpu.hpp"

/// The rules, by what they look at. Each takes the file apart as read and adds what it finds.
namespace moetune::schema::lint {

/// A row whose key is a number, with that number.
struct BatchRow {
  std::int64_t batch = 0;
  const std::vector<EngineField>* fields = nullptr;  ///< owned by Subject::rows
};

/// One file as the rules see it.
struct Subject {
  const Input& input;
  std::optional<EngineFileName> name;  ///< nothing when the name is none
  std::optional<EngineFormat> format;  ///< nothing when nobody can tell
  Vendor vendor = Vendor::unknown;
  std::optional<Gpu> gpu;
  const EngineRows& rows;

  bool is(EngineFormat wanted) const { return format == wanted; }
  /// True where the file may be this engine's.
  bool may_be(EngineFormat wanted) const { return !format || format == wanted; }
};

/// The rows that the engine knows, by their numbers, in the file's order.
std::vector<BatchRow> batch_rows(const EngineRows& rows);

void check_name(const Subject& subject, Report& report);
void check_folder(const Subject& subject, Report& report);
void check_keys(const Subject& subject, Report& report);
void check_partner(const Subject& subject, Report& report);
void check_fields(const Subject& subject, const BatchRow& row, Report& report);
/// Precondition: the row's fields make a tile.
void check_tile(const Subject& subject, std::int64_t batch, const TileConfig& tile, Report& report);

}  // namespace moetune::schema::lint
