#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cli/query.hpp"
#include "cli/sse_parser.hpp"
#include "schema/error.hpp"

namespace moetune::cli {

/// Where the daemon is and what opens its door.
struct Endpoint {
  std::string url;    ///< "http://HOST:PORT"
  std::string token;  ///< empty: none is sent
};

/// A file that the daemon serves, with the name that it gives it.
struct Attachment {
  std::string name;  ///< empty when the daemon named none
  std::string bytes;
  std::string version;   ///< the ETag; empty when the daemon sent none
  std::string untested;  ///< "513..1023": where nothing was measured of an engine's file; empty when it is dense enough
  std::string unfinished;  ///< "3,4": sweeps with rows behind the file that are not done
};

/// Speaks HTTP with one daemon, a connection per request. Every call blocks. Errors are the daemon's own (its error
/// shape, code for code); `unavailable` with is_connection_error() when the daemon cannot be reached or breaks off;
/// `data_damaged` when what answers is not moetuned. Thread-safe.
class Client {
 public:
  /// Errors: invalid_argument when the URL is not one of http or https with a host.
  static schema::Result<Client> make(Endpoint endpoint);

  const Endpoint& endpoint() const { return endpoint_; }
  const std::string& url() const { return endpoint_.url; }

  /// GET /healthz, waiting a few seconds at most.
  schema::Result<nlohmann::ordered_json> health() const;
  schema::Result<nlohmann::ordered_json> get(const std::string& path, const Query& query = {}) const;
  schema::Result<nlohmann::ordered_json> post(const std::string& path, const nlohmann::ordered_json& body) const;
  /// Sends a file as it is, read piece by piece. Errors also: invalid_argument when it cannot be read.
  schema::Result<nlohmann::ordered_json> post_file(const std::string& path, const std::filesystem::path& file,
                                                   const std::string& content_type) const;
  schema::Result<Attachment> attachment(const std::string& path, const Query& query) const;

  /// Passes the answer on piece by piece, as it comes; a sink that returns false ends it, which is no error.
  using Sink = std::function<bool(std::string_view piece)>;
  schema::Result<void> stream(const std::string& path, const Query& query, const Sink& sink) const;
  /// All items of a paged list.
  schema::Result<nlohmann::ordered_json> list(const std::string& path, const Query& filter = {}) const;

 private:
  explicit Client(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}
  Endpoint endpoint_;
};

/// One subscription to server-sent events. run() blocks until the stream ends; stop() may be called from another thread
/// at any time and makes run() return soon. One run() per object.
class EventConnection {
 public:
  explicit EventConnection(const Endpoint& endpoint);
  ~EventConnection();
  EventConnection(const EventConnection&) = delete;
  EventConnection& operator=(const EventConnection&) = delete;

  /// Errors: as Client's; nothing went wrong when the server ended the stream or stop() was called.
  schema::Result<void> run(const std::string& path, const SseParser::Sink& sink);
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whether the daemon was not reached, or went away in the middle (as against: it answered with an error).
bool is_connection_error(const schema::Error& error);

/// The file name in a Content-Disposition header; empty when it has none.
std::string disposition_filename(std::string_view header);

}  // namespace moetune::cli
