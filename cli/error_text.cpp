#include "cli/error_text.hpp"

#include <fmt/format.h>

#include "cli/group_flags.hpp"
#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using schema::Error;
using schema::ErrorCode;

std::string nearest_text(const nlohmann::json& nearest) {
  if (!nearest.is_array() || nearest.empty()) return "";
  std::string text = "the nearest that is known:\n";
  for (const auto& problem : nearest) text += fmt::format("  {}\n", fmt::join(flags_of(problem), " "));
  return text;
}

std::string try_text(const nlohmann::json& lines) {
  if (!lines.is_array() || lines.empty()) return "";
  std::string text = lines.size() == 1 ? "try:\n" : "try one of:\n";
  for (const auto& line : lines) text += fmt::format("  {}\n", line.get<std::string>());
  return text;
}

}  // namespace

ExitStatus exit_status_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::too_large:
    case ErrorCode::unsupported_media:
      return ExitStatus::usage;
    default:
      return ExitStatus::failed;
  }
}

std::string error_text(const Error& error, std::size_t columns) {
  std::string text;
  for (const auto& line : filled("moetune: " + printable_lines(error.message), columns)) text += line + "\n";
  if (error.code == ErrorCode::unauthorized)
    text += "give the daemon's token in $MOETUNE_TOKEN or with --token-file FILE\n";
  if (!error.detail.is_object()) return text;
  text += nearest_text(error.detail.value("nearest", nlohmann::json()));
  text += try_text(error.detail.value("try", nlohmann::json()));
  return text;
}

}  // namespace moetune::cli
