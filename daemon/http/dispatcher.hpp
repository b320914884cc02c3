#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <vector>

#include "daemon/http/connection.hpp"
#include "daemon/http/exchange.hpp"
#include "daemon/http/listener.hpp"
#include "daemon/http/server.hpp"
#include "kernels/unique_fd.hpp"
#include "schema/error.hpp"

namespace moetune::daemon::http {

/// Keeps the connections that wait for something: one thread accepts, gathers request headers as they trickle in, and
/// closes what is idle or late. A worker gets a connection only when a whole header has arrived, so neither kept-alive
/// nor slow clients cost a thread. Owns the listening socket and every connection that no worker holds. Thread-safe.
class Dispatcher {
 public:
  /// `open` is kept at the number of open connections. Errors: io.
  static schema::Result<std::unique_ptr<Dispatcher>> start(Listener listener, const Limits& limits,
                                                           std::atomic<std::size_t>& open);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  /// The next connection with a whole request header, for a worker; nothing once closed and empty. Waits.
  std::unique_ptr<Connection> take();
  /// What take() gave comes back.
  void give_back(std::unique_ptr<Connection> connection, Next next);

  /// Stops listening and drops every connection without a request.
  void close();
  /// Waits until no worker holds a connection and no request waits; false after `patience`.
  bool await_quiet(std::chrono::milliseconds patience);
  /// Cuts the connections that workers hold, and drops the requests that wait.
  void abort_all();

 private:
  struct Parked {
    std::unique_ptr<Connection> connection;
    Clock::time_point deadline;
    enum class For { request, rest_of_header, peer_to_close } waits_for = For::request;
  };

  Dispatcher(Listener listener, const Limits& limits, std::atomic<std::size_t>& open);
  void run();
  void accept_all();
  void admit(kernels::UniqueFd socket);
  bool close_longest_idle();
  void on_readable(int fd);
  void park(std::unique_ptr<Connection> connection, Parked::For waits_for, std::chrono::milliseconds patience);
  std::unique_ptr<Connection> unpark(int fd);
  void look_for_header(std::unique_ptr<Connection> connection);
  void turn_away(std::unique_ptr<Connection> connection, int status, schema::ErrorCode code, std::string message);
  void hand_over(std::unique_ptr<Connection> connection);
  void drop(std::unique_ptr<Connection> connection);
  void take_in_returned();
  void expire();
  void wake() const;

  const Limits limits_;
  Listener listener_;
  kernels::UniqueFd epoll_;
  kernels::UniqueFd wake_;
  std::atomic<std::size_t>& open_;
  std::atomic<bool> closing_ = false;

  // The watching thread's alone:
  std::unordered_map<int, Parked> parked_;
  bool accepting_ = true;

  std::mutex mutex_;
  std::condition_variable work_;                                        ///< ready_ or closed_ changed
  std::condition_variable quiet_;                                       ///< held_ or ready_ shrank
  std::deque<std::unique_ptr<Connection>> ready_;                       ///< a header is there, no worker yet
  std::vector<std::pair<std::unique_ptr<Connection>, Next>> returned_;  ///< from workers, not looked at yet
  std::set<Connection*> held_;                                          ///< by workers
  bool closed_ = false;

  std::thread thread_;
};

}  // namespace moetune::daemon::http
