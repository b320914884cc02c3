#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/http/connection.hpp"
#include "daemon/http/message.hpp"
#include "schema/error.hpp"

namespace moetune::daemon::http {

/// Reads one request's body off its connection: of a declared length, in chunks, or none. Knows at every point whether
/// the connection stands at the end of the request, so that it can be kept. Not thread-safe.
class BodyReader {
 public:
  /// How long the body may take: in all, or between two pieces of a long one.
  enum class Pace { in_all, per_piece };

  /// Errors: invalid_argument when the header does not say clearly where the body ends.
  static schema::Result<BodyReader> create(const Headers& headers, std::string_view version, Connection& connection);

  bool empty() const { return !chunked_ && left_ == 0 && taken_ == 0; }
  void set_limits(std::uint64_t max_bytes, std::chrono::milliseconds patience, Pace pace);

  /// The next piece, valid until the following call; empty at the end. Errors: too_large; invalid_argument for broken
  /// chunks, a client that went away, or one that took too long (timed_out()).
  schema::Result<std::string_view> next();
  /// The whole rest in memory.
  schema::Result<std::string> read_all();

  /// Everything has been handed out and used: the connection stands at the next request.
  bool finished() const { return finished_ && last_piece_ == 0; }
  bool timed_out() const { return timed_out_; }

 private:
  explicit BodyReader(Connection& connection) : connection_(&connection) {}
  schema::Result<void> await_bytes();
  schema::Result<std::string> read_line();
  schema::Result<void> begin_chunk();
  schema::Result<void> end_chunk();

  Connection* connection_;
  bool chunked_ = false;
  bool finished_ = true;
  bool timed_out_ = false;
  bool expects_continue_ = false;
  std::uint64_t left_ = 0;  ///< of the body, or of the current chunk
  std::uint64_t taken_ = 0;
  std::uint64_t max_bytes_ = 0;
  std::size_t last_piece_ = 0;  ///< handed out, not consumed yet
  std::chrono::milliseconds patience_{0};
  Pace pace_ = Pace::in_all;
  std::optional<Clock::time_point> deadline_;
};

}  // namespace moetune::daemon::http
