#pragma once

#include <optional>
#include <string>

#include "daemon/http/listen_address.hpp"
#include "daemon/http/message.hpp"
#include "daemon/http/token.hpp"
#include "schema/error.hpp"

namespace moetune::daemon::http {

/// Decides who may ask at all, before anything else about a request is looked at. Immutable, hence thread-safe.
class Access {
 public:
  Access(ListenAddress listen, std::optional<Token> token);

  /// Refuses what a web page could send through somebody's browser: a Host that is not this daemon's (DNS rebinding),
  /// an Origin other than the daemon's own, a cross-site subresource. Then asks for the token, if there is one. Errors:
  /// invalid_argument (no or several Host fields), forbidden, unauthorized.
  schema::Result<void> check(const Request& request) const;

 private:
  bool is_own_name(std::string_view host) const;
  schema::Result<void> check_origin(const Request& request, std::string_view host) const;

  ListenAddress listen_;
  std::optional<Token> token_;
  std::string machine_;  ///< this machine's name
};

}  // namespace moetune::daemon::http
