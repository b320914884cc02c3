#include "daemon/http/access.hpp"

#include <fmt/format.h>
#include <strings.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace moetune::daemon::http {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

/// The host of a Host field, without brackets and port; empty when it has no proper form.
std::string_view host_part(std::string_view field) {
  if (field.starts_with('[')) {
    const auto end = field.find(']');
    const std::string_view rest = end == std::string_view::npos ? "?" : field.substr(end + 1);
    return rest.empty() || rest.starts_with(':') ? field.substr(1, end - 1) : std::string_view();
  }
  return field.substr(0, field.find(':'));
}

std::string machine_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

/// What goes into a message: a header's text, clipped and printable.
std::string shown(std::string_view text) {
  std::string copy(text.substr(0, 80));
  for (char& c : copy) c = c >= 0x20 && c < 0x7f ? c : '?';
  return copy;
}

}  // namespace

Access::Access(ListenAddress listen, std::optional<Token> token)
    : listen_(std::move(listen)), token_(std::move(token)), machine_(machine_name()) {}

bool Access::is_own_name(std::string_view host) const {
  if (is_loopback(host) || same_text(host, listen_.host)) return true;
  if (!is_wildcard(listen_.host)) return false;
  // Reached over any interface. A literal address cannot be rebound: only a name can be made to point elsewhere.
  return is_address_literal(host) || (!machine_.empty() && same_text(host, machine_));
}

Result<void> Access::check_origin(const Request& request, std::string_view host) const {
  if (const auto origin = request.headers.get("origin");
      origin && !same_text(*origin, fmt::format("http://{}", host))) {
    return fail(ErrorCode::forbidden, fmt::format("requests from the web page {} are refused", shown(*origin)));
  }
  const auto site = request.headers.get("sec-fetch-site");
  const bool foreign = site && (same_text(*site, "cross-site") || same_text(*site, "same-site"));
  if (foreign && !same_text(request.headers.get("sec-fetch-mode").value_or(""), "navigate")) {
    return fail(ErrorCode::forbidden, "requests that another web page makes are refused");
  }
  return {};
}

Result<void> Access::check(const Request& request) const {
  if (request.headers.count("host") != 1) {
    return fail(ErrorCode::invalid_argument, "a request needs exactly one Host header");
  }
  const std::string_view host = *request.headers.get("host");
  if (!is_own_name(host_part(host))) {
    return fail(ErrorCode::forbidden,
                fmt::format("Host \"{}\" is not this daemon: use {} or localhost", shown(host), to_text(listen_)));
  }
  if (auto origin = check_origin(request, host); !origin) return origin;
  if (!token_) return {};
  const auto authorization = request.headers.get("authorization");
  if (!authorization) {
    return fail(ErrorCode::unauthorized, "a token is required: send it as \"Authorization: Bearer TOKEN\"");
  }
  if (request.headers.count("authorization") != 1 || !token_->admits(*authorization)) {
    return fail(ErrorCode::unauthorized, "the token is wrong");
  }
  return {};
}

}  // namespace moetune::daemon::http
