#pragma once

#include <exception>
#include <expected>
#include <type_traits>
#include <utility>

#include "schema/error.hpp"

namespace moetune::db {

/// How a refusal of SQLite travels inside this folder, from a statement to the public function, where `guarded` turns
/// it into a Result. It never leaves the folder.
class Fault : public std::exception {
 public:
  explicit Fault(schema::Error error) : error_(std::move(error)) {}
  const schema::Error& error() const { return error_; }
  const char* what() const noexcept override { return error_.message.c_str(); }

 private:
  schema::Error error_;
};

/// Runs the body of a public function, which returns a Result.
template <typename Body>
auto guarded(Body&& body) -> std::invoke_result_t<Body&> {
  try {
    return body();
  } catch (const Fault& fault) {
    return std::unexpected(fault.error());
  }
}

/// The value of a Result, or its error as a Fault: for stored values that must be readable.
template <typename T>
T value_or_throw(schema::Result<T> result) {
  if (!result) throw Fault(std::move(result.error()));
  return std::move(*result);
}

}  // namespace moetune::db
