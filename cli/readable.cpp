#include "cli/readable.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/format.hpp"
#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;

std::string spoken(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return printable(name);
}

std::string value_text(const std::string& name, const ordered_json& value) {
  const bool is_size = name.ends_with("bytes") || name.ends_with("size_limit");
  if (is_size && value.is_number_integer()) return bytes_text(value.get<std::int64_t>());
  if (value.is_null()) return "-";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_string()) return printable(value.get<std::string>());
  return printable(value.dump());
}

void append(const ordered_json& object, std::size_t indent, std::vector<std::string>& lines) {
  std::size_t width = 0;
  for (const auto& [name, value] : object.items()) {
    if (!value.is_object()) width = std::max(width, width_of(spoken(name)));
  }
  const std::string margin(indent, ' ');
  for (const auto& [name, value] : object.items()) {
    if (value.is_object()) {
      lines.push_back(margin + spoken(name));
      append(value, indent + 2, lines);
    } else {
      lines.push_back(
          fmt::format("{}{}  {}", margin, padded(spoken(name), width, Align::left), value_text(name, value)));
    }
  }
}

}  // namespace

std::vector<std::string> readable_lines(const ordered_json& object) {
  std::vector<std::string> lines;
  append(object, 0, lines);
  return lines;
}

}  // namespace moetune::cli
