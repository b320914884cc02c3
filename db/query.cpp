#include "db/query.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstring>

#include "db/connection.hpp"

namespace moetune::db {

Query::Query(Connection& connection, SQLite::Statement& statement, bool& in_use)
    : connection_(&connection), statement_(&statement), in_use_(&in_use) {
  *in_use_ = true;
}

Query::Query(Connection& connection, std::unique_ptr<SQLite::Statement> own)
    : connection_(&connection), statement_(own.get()), own_(std::move(own)) {}

Query::Query(Query&& other) noexcept
    : connection_(other.connection_),
      statement_(std::exchange(other.statement_, nullptr)),
      in_use_(std::exchange(other.in_use_, nullptr)),
      own_(std::move(other.own_)) {}

Query::~Query() {
  if (statement_ == nullptr) return;
  statement_->tryReset();
  if (in_use_ != nullptr) *in_use_ = false;
}

void Query::bind(int index, std::int64_t value) {
  connection_->checked([&] { statement_->bind(index, value); });
}

void Query::bind(int index, double value) {
  connection_->checked([&] { statement_->bind(index, value); });
}

void Query::bind(int index, std::string_view value) {
  connection_->checked([&] { statement_->bind(index, std::string(value)); });
}

void Query::bind(int index, std::nullptr_t) {
  connection_->checked([&] { statement_->bind(index); });
}

void Query::bind(int index, std::span<const double> values) {
  connection_->checked(
      [&] { statement_->bind(index, static_cast<const void*>(values.data()), static_cast<int>(values.size_bytes())); });
}

bool Query::step() {
  return connection_->checked([&] { return statement_->executeStep(); });
}

std::int64_t Query::finish() {
  return connection_->checked([&] { return static_cast<std::int64_t>(statement_->exec()); });
}

bool Query::is_null(int column) const {
  return statement_->isColumnNull(column);
}

std::int64_t Query::integer(int column) const {
  return statement_->getColumn(column).getInt64();
}

double Query::real(int column) const {
  return statement_->getColumn(column).getDouble();
}

std::string Query::text(int column) const {
  return statement_->getColumn(column).getString();
}

std::vector<double> Query::doubles(int column) const {
  std::vector<double> values;
  append_doubles(column, values);
  return values;
}

std::optional<std::int64_t> Query::optional_integer(int column) const {
  return is_null(column) ? std::optional<std::int64_t>() : integer(column);
}

std::optional<double> Query::optional_real(int column) const {
  return is_null(column) ? std::optional<double>() : real(column);
}

std::optional<std::string> Query::optional_text(int column) const {
  return is_null(column) ? std::optional<std::string>() : text(column);
}

void Query::append_doubles(int column, std::vector<double>& values) const {
  const SQLite::Column cell = statement_->getColumn(column);
  const auto* const bytes = static_cast<const char*>(cell.getBlob());
  const std::size_t count = static_cast<std::size_t>(cell.getBytes()) / sizeof(double);
  if (count == 0) return;
  const std::size_t begin = values.size();
  values.resize(begin + count);
  std::memcpy(values.data() + begin, bytes, count * sizeof(double));
}

}  // namespace moetune::db
