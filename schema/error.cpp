#include "schema/error.hpp"

#include <utility>

namespace moetune::schema {

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::unauthorized:
      return "unauthorized";
    case ErrorCode::forbidden:
      return "forbidden";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::conflict:
      return "conflict";
    case ErrorCode::too_large:
      return "too_large";
    case ErrorCode::unsupported_media:
      return "unsupported_media";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::data_damaged:
      return "data_damaged";
    case ErrorCode::io:
      return "io";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

std::unexpected<Error> fail(ErrorCode code, std::string message, nlohmann::json detail) {
  return std::unexpected(Error{code, std::move(message), std::move(detail)});
}

}  // namespace moetune::schema
