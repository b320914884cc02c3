#include "daemon/http/message.hpp"

#include <fmt/format.h>

#include <strings.h>

#include <algorithm>

namespace moetune::daemon::http {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

void Headers::add(std::string name, std::string value) {
  all_.emplace_back(std::move(name), std::move(value));
}

std::size_t Headers::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(all_, [&](const auto& field) { return same_name(field.first, name); }));
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  const auto found = std::ranges::find_if(all_, [&](const auto& field) { return same_name(field.first, name); });
  if (found == all_.end()) return std::nullopt;
  return found->second;
}

schema::Result<std::string> attachment(std::string_view name) {
  std::string quoted;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return schema::fail(schema::ErrorCode::conflict,
                          "the device's name has control characters and cannot be part of a file name");
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return fmt::format("attachment; filename=\"{}\"", quoted);
}

Response json_response(const nlohmann::ordered_json& body, int status) {
  Response response;
  response.status = status;
  // Bytes that came from a compiler's log need not be UTF-8; the answer always is.
  response.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  return response;
}

}  // namespace moetune::daemon::http
