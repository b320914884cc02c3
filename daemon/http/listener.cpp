#include "daemon/http/listener.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace moetune::daemon::http {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

constexpr int k_backlog = 256;

/// Bound and listening, or empty with errno set. Only SO_REUSEADDR is set: with SO_REUSEPORT a second daemon on the
/// same port would go unnoticed and the kernel would deal the connections out between the two.
kernels::UniqueFd bind_and_listen(const addrinfo& info, bool wildcard) {
  kernels::UniqueFd fd(socket(info.ai_family, info.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, info.ai_protocol));
  if (!fd) return fd;
  const int yes = 1;
  const int v6_only = wildcard ? 0 : 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (info.ai_family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
  if (bind(fd.get(), info.ai_addr, info.ai_addrlen) == 0 && listen(fd.get(), k_backlog) == 0) return fd;
  const int reason = errno;
  fd.reset();
  errno = reason;
  return fd;
}

std::unexpected<schema::Error> refusal(const ListenAddress& wanted, int reason) {
  if (reason == EADDRINUSE) {
    return fail(ErrorCode::conflict,
                fmt::format("{} is in use by another program; stop it or choose another port", to_text(wanted)));
  }
  return fail(ErrorCode::io, fmt::format("cannot listen on {}: {}", to_text(wanted), std::strerror(reason)));
}

/// Takes port and reach from the bound socket.
void read_bound_address(Listener& listener) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  getsockname(listener.socket.get(), reinterpret_cast<sockaddr*>(&storage), &size);
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto* address = reinterpret_cast<const sockaddr_in*>(&storage);
    listener.address.port = ntohs(address->sin_port);
    inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
  } else {
    const auto* address = reinterpret_cast<const sockaddr_in6*>(&storage);
    listener.address.port = ntohs(address->sin6_port);
    inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof text);
  }
  listener.loopback = is_loopback(text);
}

}  // namespace

Result<Listener> Listener::open(const ListenAddress& wanted) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int rc = getaddrinfo(wanted.host.c_str(), std::to_string(wanted.port).c_str(), &hints, &found);
  if (rc != 0) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("cannot listen on {}: the host does not resolve: {}", to_text(wanted), gai_strerror(rc)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  int reason = EADDRNOTAVAIL;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    Listener listener{bind_and_listen(*info, is_wildcard(wanted.host)), wanted, false};
    if (listener.socket) {
      read_bound_address(listener);
      return listener;
    }
    reason = errno;
    if (reason == EADDRINUSE) break;
  }
  return refusal(wanted, reason);
}

}  // namespace moetune::daemon::http
