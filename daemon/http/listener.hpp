#pragma once

#include "daemon/http/listen_address.hpp"
#include "kernels/unique_fd.hpp"
#include "schema/error.hpp"

namespace moetune::daemon::http {

/// A bound, listening, non-blocking TCP socket. A plain value.
struct Listener {
  kernels::UniqueFd socket;
  ListenAddress address;  ///< as asked for, with the real port
  bool loopback = false;  ///< the bound address is reachable from this machine only

  /// Errors: invalid_argument for a host that does not resolve; conflict when the port is in use; io.
  static schema::Result<Listener> open(const ListenAddress& wanted);
};

}  // namespace moetune::daemon::http
