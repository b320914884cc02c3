#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace SQLite {  // NOLINT(readability-identifier-naming): the library's name
class Database;
class Statement;
}  // namespace SQLite

namespace moetune::db {

class Connection;

/// One use of a prepared statement: values are bound, rows are stepped through, and the end of the object makes the
/// statement free again. Move-only; belongs to the thread of its connection. Columns count from 0, values from 1.
class Query {
 public:
  Query(Connection& connection, SQLite::Statement& statement, bool& in_use);
  Query(Connection& connection, std::unique_ptr<SQLite::Statement> own);
  Query(Query&& other) noexcept;
  Query& operator=(Query&&) = delete;
  ~Query();

  void bind(int index, std::int64_t value);
  void bind(int index, int value) { bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, bool value) { bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, double value);
  void bind(int index, std::string_view value);
  void bind(int index, const std::string& value) { bind(index, std::string_view(value)); }
  void bind(int index, const char* value) { bind(index, std::string_view(value)); }
  void bind(int index, std::nullptr_t);
  /// Stored as little-endian float64.
  void bind(int index, std::span<const double> values);
  void bind(int index, const std::vector<double>& values) { bind(index, std::span<const double>(values)); }
  template <typename T>
  void bind(int index, const std::optional<T>& value) {
    if (value) {
      bind(index, *value);
    } else {
      bind(index, nullptr);
    }
  }

  /// Goes to the next row; false when there is none.
  bool step();
  /// Runs a statement without rows to its end; returns the number of rows that it changed.
  std::int64_t finish();

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  std::vector<double> doubles(int column) const;
  std::optional<std::int64_t> optional_integer(int column) const;
  std::optional<double> optional_real(int column) const;
  std::optional<std::string> optional_text(int column) const;
  /// Appends the doubles of a column to `values`; nothing for NULL.
  void append_doubles(int column, std::vector<double>& values) const;

 private:
  Connection* connection_;
  SQLite::Statement* statement_;
  bool* in_use_ = nullptr;
  std::unique_ptr<SQLite::Statement> own_;
};

}  // namespace moetune::db
