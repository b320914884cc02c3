#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "schema/error.hpp"

namespace moetune::daemon::http {

/// Where the daemon listens. `host` is a name or an address literal without brackets; port 0 picks a free one.
struct ListenAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8765;

  auto operator<=>(const ListenAddress&) const = default;
};

/// Reads HOST:PORT, e.g. "127.0.0.1:8765", "localhost:0", "[::1]:8765". Errors: invalid_argument.
schema::Result<ListenAddress> listen_address_from_text(std::string_view text);

/// HOST:PORT, with brackets around an IPv6 literal.
std::string to_text(const ListenAddress& address);

/// True for localhost, 127.0.0.0/8 and ::1: only processes of this machine reach it.
bool is_loopback(std::string_view host);
/// True for 0.0.0.0 and ::, which listen on every interface.
bool is_wildcard(std::string_view host);
/// True for an IPv4 or IPv6 literal (without brackets).
bool is_address_literal(std::string_view host);

}  // namespace moetune::daemon::http
