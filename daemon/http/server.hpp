#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "daemon/http/listen_address.hpp"
#include "schema/error.hpp"

namespace moetune::db {
class Database;
}

namespace moetune::daemon {
class FolderPublisher;
class KernelCache;
class SweepControl;
class UploadStore;
}  // namespace moetune::daemon

namespace moetune::daemon::http {

/// Every limit of the HTTP side. Event streams and bulk transfers (uploads, imports, streamed rows, backups) hold a
/// thread each; their sum stays below `threads` so that short requests always find one.
struct Limits {
  std::size_t threads = 24;
  std::size_t event_streams = 8;
  std::size_t bulk_transfers = 8;
  std::size_t connections = 512;  ///< open ones, idle ones included; those beyond get 503
  std::size_t header_bytes = 32 << 10;
  std::uint64_t json_bytes = 1 << 20;
  std::uint64_t upload_bytes = 1ULL << 30;        ///< POST /uploads and POST /import
  std::chrono::milliseconds header_time{10'000};  ///< from a request's first byte to the end of its header
  std::chrono::milliseconds body_time{30'000};    ///< for a whole JSON body; between two pieces of a longer one
  std::chrono::milliseconds write_time{30'000};   ///< without the client taking a byte
  std::chrono::milliseconds idle_time{60'000};    ///< of a kept connection between two requests
  std::chrono::milliseconds stop_time{5'000};     ///< for the requests in flight when the server stops
  std::chrono::milliseconds heartbeat{15'000};    ///< between comments on a quiet event stream
};

struct Options {
  ListenAddress listen;
  /// A file with the bearer token; required when `listen` is reachable from other machines. When given, every request
  /// must carry it. Only its owner may read it.
  std::optional<std::filesystem::path> token_file;
  Limits limits;
};

/// What the routes work on. All of it outlives the server and is thread-safe.
struct Services {
  SweepControl& sweeps;
  db::Database& database;
  KernelCache& cache;
  UploadStore& uploads;
  std::function<nlohmann::ordered_json()> doctor;  ///< the body of GET /doctor
  const FolderPublisher* publisher = nullptr;      ///< null when no folder is kept up to date
};

/// The daemon's HTTP side: owns the listening socket, one thread that watches idle connections and a fixed number that
/// answer requests. A living object is listening. Thread-safe.
class HttpServer {
 public:
  /// Errors: invalid_argument (no token for an address beyond loopback, token file readable by others, unknown host);
  /// conflict when the port is in use; io.
  static schema::Result<std::unique_ptr<HttpServer>> start(Options options, const Services& services);
  /// Stops as stop() does.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;
  /// Requests answered so far: a change tells that somebody is there.
  std::uint64_t requests_answered() const;
  /// "http://HOST:PORT" with the real port.
  std::string url() const;

  /// Accepts nothing more, ends the event streams, lets the requests in flight finish for at most Limits::stop_time and
  /// joins the threads. The second call does nothing. Call it while the services still live.
  void stop();

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace moetune::daemon::http
