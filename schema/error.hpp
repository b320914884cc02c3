#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace moetune::schema {

/// What went wrong, as a closed list: the HTTP status and the exit status of the command line follow from it.
enum class ErrorCode {
  invalid_argument,   ///< bad input; the message names the culprit and what would be right
  unauthorized,       ///< a token is required and missing or wrong
  forbidden,          ///< refused by policy (Host, Origin, read-only)
  not_found,          ///< nothing known under that name
  conflict,           ///< the state does not allow it (ambiguous group, wrong sweep state, database held)
  too_large,          ///< over an explicit limit
  unsupported_media,  ///< a body of a content type that is not accepted
  unavailable,        ///< missing on this machine or busy: GPU, compiler, a full queue, no daemon
  data_damaged,       ///< stored or received data does not hold together
  io,                 ///< the operating system refused: message carries path and errno text
  internal,           ///< a defect of moetune
};

/// The name of a code as the HTTP error body carries it, e.g. "not_found".
std::string_view name_of(ErrorCode code);

/// An error that a caller can act on. `detail` is a JSON object with machine-readable facts, or null.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  nlohmann::json detail = nullptr;
};

template <typename T>
using Result = std::expected<T, Error>;

/// Shorthand for `return fail(ErrorCode::..., "...")` in a function that returns any Result.
[[nodiscard]] std::unexpected<Error> fail(ErrorCode code, std::string message, nlohmann::json detail = nullptr);

}  // namespace moetune::schema
