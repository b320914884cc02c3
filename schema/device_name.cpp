#include "schema/device_name.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace moetune::schema {
namespace {

/// What Python's "\s" takes of ASCII.
bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f');
}

bool is_gap(char c) {
  return is_blank(c) || c == '/';
}

/// Calls `replace(gap)` for each run of blanks and '/', and puts what it returns in its place.
template <typename Replace>
std::string with_gaps_replaced(std::string_view name, Replace&& replace) {
  std::string text;
  for (auto at = name.begin(); at != name.end();) {
    const auto end = std::find_if_not(at, name.end(), is_gap);
    if (end == at) {
      text += *at++;
      continue;
    }
    text += replace(std::string_view(at, end));
    at = end;
  }
  return text;
}

bool has_part(std::string_view name, std::string_view part) {
  return fmt::format("_{}_", name).find(fmt::format("_{}_", part)) != std::string::npos;
}

}  // namespace

std::string device_from_driver(std::string_view driver_name) {
  return with_gaps_replaced(driver_name, [](std::string_view gap) { return gap == " " ? "_" : std::string(gap); });
}

Result<std::string> device_in_file_name(EngineFormat engine, std::string_view device) {
  std::string name(device);
  if (engine == EngineFormat::vllm) {
    name = with_gaps_replaced(device, [](std::string_view) { return "_"; });
    if (has_part(name, "H200")) name = "NVIDIA_H200";
  } else {
    std::ranges::replace(name, ' ', '_');
  }
  if (!name.empty() && name.find_first_of(std::string_view("/\0", 2)) == std::string::npos) return name;
  return fail(ErrorCode::invalid_argument,
              fmt::format("device name \"{}\" cannot be part of a file name: the engines would look in another folder",
                          device));
}

}  // namespace moetune::schema
