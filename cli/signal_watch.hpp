#pragma once

#include <signal.h>

#include <vector>

namespace moetune::cli {

/// Turns the signals of a terminal (interrupt, hang-up, termination, suspension, resize) into something to poll while
/// it lives; their usual effect comes back with its end. Make it before any thread is started.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// Readable when take() has something.
  int fd() const { return fd_; }
  std::vector<int> take();

 private:
  sigset_t before_;
  int fd_;
};

}  // namespace moetune::cli
