#include "daemon/supervisor/poller.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace moetune::daemon {

schema::Result<Poller> Poller::create() {
  kernels::UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) {
    return schema::fail(schema::ErrorCode::io, fmt::format("cannot make an eventfd: {}", std::strerror(errno)));
  }
  return Poller(std::move(event));
}

void Poller::add(Pollable& pollable) {
  pollables_.push_back(&pollable);
}

void Poller::remove(Pollable& pollable) {
  std::erase(pollables_, &pollable);
}

void Poller::wait(std::chrono::milliseconds patience) {
  auto until = std::chrono::steady_clock::now() + patience;
  fds_.clear();
  fds_.push_back({.fd = event_.get(), .events = POLLIN, .revents = 0});
  for (const auto* pollable : pollables_) {
    pollable->append_poll_fds(fds_);
    if (const auto deadline = pollable->next_deadline()) until = std::min(until, *deadline);
  }
  // Rounded up: a wait that ends a fraction of a millisecond early would be followed by a busy loop of empty waits.
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  ::poll(fds_.data(), fds_.size(), static_cast<int>(std::max(left, std::chrono::milliseconds(0)).count()));
  std::uint64_t wakes = 0;
  static_cast<void>(::read(event_.get(), &wakes, sizeof wakes));

  const auto now = std::chrono::steady_clock::now();
  for (auto* pollable : pollables_) pollable->advance(now);
}

void Poller::wake() {
  const std::uint64_t one = 1;
  static_cast<void>(::write(event_.get(), &one, sizeof one));
}

}  // namespace moetune::daemon
