#include "daemon/http/listen_address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <cctype>

#include "schema/group.hpp"

namespace moetune::daemon::http {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

bool is_ipv4(std::string_view host, in_addr& address) {
  return inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
}

bool is_ipv6(std::string_view host, in6_addr& address) {
  const std::string_view without_scope = host.substr(0, host.find('%'));
  return inet_pton(AF_INET6, std::string(without_scope).c_str(), &address) == 1;
}

bool is_host_name(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  });
}

std::unexpected<schema::Error> refuse(std::string_view text, std::string_view why) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("listen address \"{}\": {}; use HOST:PORT, e.g. 127.0.0.1:8765 or [::1]:0", text, why));
}

}  // namespace

Result<ListenAddress> listen_address_from_text(std::string_view text) {
  ListenAddress address;
  std::string_view rest = text;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return refuse(text, "the bracket is not closed");
    in6_addr unused{};
    address.host = text.substr(1, end - 1);
    if (!is_ipv6(address.host, unused)) return refuse(text, "no IPv6 address between the brackets");
    rest = text.substr(end + 1);
  } else {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return refuse(text, "the port is missing");
    if (text.find(':', colon + 1) != std::string_view::npos) return refuse(text, "an IPv6 address needs brackets");
    address.host = text.substr(0, colon);
    if (!is_host_name(address.host)) return refuse(text, "the host is missing or has odd characters");
    rest = text.substr(colon);
  }
  if (!rest.starts_with(':')) return refuse(text, "the port is missing");
  const auto port = schema::integer_from_text("port", rest.substr(1), 0, 65535);
  if (!port) return refuse(text, port.error().message);
  address.port = static_cast<std::uint16_t>(*port);
  return address;
}

std::string to_text(const ListenAddress& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", address.host, brackets ? "]" : "", address.port);
}

bool is_loopback(std::string_view host) {
  if (host.size() == 9 && strncasecmp(host.data(), "localhost", 9) == 0) return true;
  in_addr v4{};
  if (is_ipv4(host, v4)) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return is_ipv6(host, v6) && (IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127));
}

bool is_wildcard(std::string_view host) {
  in_addr v4{};
  if (is_ipv4(host, v4)) return v4.s_addr == INADDR_ANY;
  in6_addr v6{};
  return is_ipv6(host, v6) && IN6_IS_ADDR_UNSPECIFIED(&v6);
}

bool is_address_literal(std::string_view host) {
  in_addr v4{};
  in6_addr v6{};
  return is_ipv4(host, v4) || is_ipv6(host, v6);
}

}  // namespace moetune::daemon::http
