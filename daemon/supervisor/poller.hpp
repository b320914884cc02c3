#pragma once

#include <poll.h>

#include <chrono>
#include <optional>
#include <vector>

#include "kernels/unique_fd.hpp"
#include "schema/error.hpp"

namespace moetune::daemon {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Something that a Poller drives: it names the descriptors it waits for and the next moment it wants to be called at.
class Pollable {
 public:
  virtual ~Pollable() = default;
  virtual void append_poll_fds(std::vector<pollfd>& fds) const = 0;
  virtual std::optional<SteadyTime> next_deadline() const = 0;
  /// Does whatever can be done now without blocking.
  virtual void advance(SteadyTime now) = 0;
};

/// One thread's wait for many children. The owner of the loop calls wait() and then looks at its children's events;
/// other threads may only call wake(). Pollables are not owned and must be removed before they die.
class Poller {
 public:
  /// Errors: io.
  static schema::Result<Poller> create();

  void add(Pollable& pollable);
  void remove(Pollable& pollable);
  /// Waits until a descriptor is ready, a deadline has come, wake() was called or `patience` is over, then advances
  /// every pollable.
  void wait(std::chrono::milliseconds patience);
  /// Ends the wait that runs, or the next one. Thread-safe.
  void wake();

 private:
  explicit Poller(kernels::UniqueFd event) : event_(std::move(event)) {}
  kernels::UniqueFd event_;
  std::vector<Pollable*> pollables_;
  std::vector<pollfd> fds_;
};

}  // namespace moetune::daemon
