#include "daemon/http/connection.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace moetune::daemon::http {
namespace {

constexpr std::size_t k_piece = 64 << 10;

/// Waits for `events`; false on a timeout. Errors count as ready: the following call reports them.
bool wait_for(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd entry{fd, events, 0};
    const int rc = poll(&entry, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000)));
    if (rc > 0 || (rc < 0 && errno != EINTR)) return true;
    if (rc == 0 && left <= 0) return false;
  }
}

}  // namespace

Connection::Intake Connection::receive(std::size_t limit) {
  Intake intake = Intake::nothing;
  std::array<char, k_piece> piece;
  while (pending().size() < limit) {
    const auto count = recv(fd(), piece.data(), std::min(piece.size(), limit - pending().size()), 0);
    if (count > 0) {
      buffer_.append(piece.data(), static_cast<std::size_t>(count));
      intake = Intake::some;
    } else if (count < 0 && errno == EINTR) {
      continue;
    } else if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      break;
    } else {
      return intake == Intake::some ? intake : Intake::closed;
    }
  }
  return intake;
}

bool Connection::discard() {
  std::array<char, k_piece> piece;
  for (;;) {
    const auto count = recv(fd(), piece.data(), piece.size(), 0);
    if (count > 0 || (count < 0 && errno == EINTR)) continue;
    return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
}

void Connection::consume(std::size_t count) {
  begin_ += count;
  if (begin_ < buffer_.size()) return;
  buffer_.clear();
  begin_ = 0;
}

Connection::Wait Connection::await_bytes(Clock::time_point deadline) {
  while (pending().empty()) {
    switch (receive(k_piece)) {
      case Intake::some:
        return Wait::ready;
      case Intake::closed:
        return Wait::closed;
      case Intake::nothing:
        if (!wait_for(fd(), POLLIN, deadline)) return Wait::timeout;
    }
  }
  return Wait::ready;
}

bool Connection::send_all(std::string_view bytes, std::chrono::milliseconds patience) {
  while (!bytes.empty()) {
    const auto count = send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (!wait_for(fd(), POLLOUT, Clock::now() + patience)) return false;
    } else if (count < 0 && errno != EINTR) {
      return false;
    }
  }
  return true;
}

void Connection::send_some(std::string_view bytes) {
  (void)send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

bool Connection::peer_gone() const {
  pollfd entry{fd(), POLLRDHUP, 0};
  return poll(&entry, 1, 0) > 0;
}

void Connection::close_sending() {
  shutdown(fd(), SHUT_WR);
}

void Connection::abort() {
  shutdown(fd(), SHUT_RDWR);
}

}  // namespace moetune::daemon::http
