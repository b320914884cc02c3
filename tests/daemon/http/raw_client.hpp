#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "kernels/unique_fd.hpp"

namespace moetune::daemon::http {

/// An answer off the wire. Header names are lower case.
struct Reply {
  int status = 0;  ///< 0: the connection ended without an answer
  std::map<std::string, std::string> headers;
  std::string body;    ///< chunks put together
  bool whole = false;  ///< the body came to its declared end

  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
  /// error.code of the error shape, or empty.
  std::string error_code() const;
  std::string error_message() const;
};

/// Sends exactly the bytes that a test wants sent. Reads wait for at most a minute.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port);

  /// False when the server does not take the bytes any more.
  bool send(std::string_view bytes);
  /// The next answer; `method` HEAD has no body.
  Reply receive(std::string_view method = "GET");
  /// Reads until `text` was seen; false at the end of the stream.
  bool read_until(std::string_view text);
  /// True when the server closes the connection without another byte.
  bool closed_by_server();
  /// Nothing more will be sent; answers can still come.
  void end_sending();
  void close() { socket_.reset(); }

 private:
  bool fill();
  bool read_chunked(std::string& body);
  bool take_line(std::string& line);

  kernels::UniqueFd socket_;
  std::string buffer_;
};

}  // namespace moetune::daemon::http
