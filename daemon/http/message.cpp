#include "daemon/http/message.hpp"

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

Response json_response(const nlohmann::ordered_json& body, int status) {
  Response response;
  response.status = status;
  // Bytes that came from a compiler's log need not be UTF-8; the answer always is.
  response.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  return response;
}

}  // namespace moetune::daemon::http
