#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "kernels/unique_fd.hpp"

namespace moetune::daemon::http {

using Clock = std::chrono::steady_clock;

/// One client's socket, non-blocking, with the bytes that arrived and were not used yet. Used by one thread at a time,
/// except for abort().
class Connection {
 public:
  explicit Connection(kernels::UniqueFd socket) : socket_(std::move(socket)) {}

  int fd() const { return socket_.get(); }

  enum class Intake { some, nothing, closed };
  /// Takes in what has arrived, without waiting, until `pending()` holds `limit` bytes.
  Intake receive(std::size_t limit);
  /// Throws away what has arrived; false when the peer has closed.
  bool discard();

  std::string_view pending() const { return std::string_view(buffer_).substr(begin_); }
  void consume(std::size_t count);

  enum class Wait { ready, timeout, closed };
  /// Waits until pending() is not empty.
  Wait await_bytes(Clock::time_point deadline);

  /// Sends everything; false when the peer is gone or takes nothing for `patience`.
  bool send_all(std::string_view bytes, std::chrono::milliseconds patience);
  /// Sends what fits without waiting: for the last words to a client that is being turned away.
  void send_some(std::string_view bytes);

  /// The peer has closed its side: nobody reads an event stream any more.
  bool peer_gone() const;
  /// No more bytes to the peer; what it still sends can be discarded.
  void close_sending();
  /// Ends every wait on this connection. Any thread, while the object lives.
  void abort();

 private:
  kernels::UniqueFd socket_;
  std::string buffer_;
  std::size_t begin_ = 0;
};

}  // namespace moetune::daemon::http
