#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace moetune::fuzz {

/// The HTTP side of a daemon without a network: its dispatcher, one worker, and every route on a database with rows, a
/// kernel cache and uploads in a scratch folder. Only the sweeps are fake. Limits are small, so that inputs pass them.
class HttpDaemon {
 public:
  HttpDaemon();
  ~HttpDaemon();
  HttpDaemon(const HttpDaemon&) = delete;
  HttpDaemon& operator=(const HttpDaemon&) = delete;

  /// Opens a connection, sends the bytes, closes its sending side, and returns all that comes back until the daemon
  /// closes the connection.
  std::string exchange(std::string_view bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace moetune::fuzz
