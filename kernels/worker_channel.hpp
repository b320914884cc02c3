#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/unique_fd.hpp"
#include "schema/error.hpp"

namespace moetune::kernels {

/// A worker's end of the two pipes to its daemon: requests come in on fd 0, replies go out on what was fd 1. Taking it
/// over moves fd 1 aside and points stdout at stderr, so that a library that prints cannot corrupt the protocol. The
/// process ends as soon as the daemon closes its end of fd 0 or dies, even in the middle of a job. For the main thread
/// of a worker process only.
class WorkerChannel {
 public:
  /// Once per process, before any library is loaded. Errors: io.
  static schema::Result<WorkerChannel> take_over();

  /// The next request, or nothing at end of file. Errors: io; invalid_argument for a line that is not JSON.
  schema::Result<std::optional<nlohmann::json>> receive();
  /// Writes one line. Errors: io.
  schema::Result<void> send(const nlohmann::json& reply);
  /// Writes bytes as they are; what fault injection needs.
  schema::Result<void> send_raw(std::string_view bytes);
  /// Nothing can be sent afterwards; what fault injection needs.
  void close_output() { out_.reset(); }

 private:
  explicit WorkerChannel(UniqueFd out) : out_(std::move(out)) {}
  UniqueFd out_;
  std::string received_;
};

/// Limits this process's address space, so that a blow-up fails here and not on the machine. Does nothing in a
/// sanitizer build, whose shadow memory needs terabytes of it. Errors: io.
schema::Result<void> limit_address_space(std::int64_t mib);

}  // namespace moetune::kernels
