#include "cli/error_answer.hpp"

#include <fmt/format.h>

#include <optional>

#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using schema::Error;
using schema::ErrorCode;

std::optional<ErrorCode> code_from_name(std::string_view name) {
  for (int value = 0; value <= static_cast<int>(ErrorCode::internal); ++value) {
    if (name == schema::name_of(static_cast<ErrorCode>(value))) return static_cast<ErrorCode>(value);
  }
  return std::nullopt;
}

ErrorCode code_of_status(int status) {
  switch (status) {
    case 401:
      return ErrorCode::unauthorized;
    case 403:
      return ErrorCode::forbidden;
    case 404:
      return ErrorCode::not_found;
    case 409:
      return ErrorCode::conflict;
    case 413:
      return ErrorCode::too_large;
    case 415:
      return ErrorCode::unsupported_media;
    case 429:
    case 503:
      return ErrorCode::unavailable;
    default:
      return status < 500 ? ErrorCode::invalid_argument : ErrorCode::internal;
  }
}

}  // namespace

Error error_of_answer(std::string_view url, int status, std::string_view body) {
  const auto value = nlohmann::json::parse(body, nullptr, false);
  const auto shape = value.is_object() ? value.value("error", nlohmann::json()) : nlohmann::json();
  if (!shape.is_object() || !shape.contains("message") || !shape["message"].is_string()) {
    const std::string start = shortened(printable(body.substr(0, 400)), 120, true);
    return Error{code_of_status(status), fmt::format("{} answered with status {}: {}", url, status, start), nullptr};
  }
  Error error{code_of_status(status), shape["message"].get<std::string>(), shape.value("detail", nlohmann::json())};
  if (shape.contains("code") && shape["code"].is_string()) {
    error.code = code_from_name(shape["code"].get<std::string>()).value_or(error.code);
  }
  return error;
}

}  // namespace moetune::cli
