#pragma once

#include <functional>
#include <memory>

#include "daemon/http/adapter.hpp"
#include "daemon/http/connection.hpp"
#include "daemon/http/server.hpp"

namespace moetune::daemon::http {

/// What to do with a connection after a request.
enum class Next {
  keep,   ///< wait for the next request
  close,  ///< done
  drain,  ///< the request's body was not read: discard it for a while, so that the answer is not lost in a reset
};

/// Reads one request off a connection, has it answered and sends the answer. cpp-httplib parses and writes; it is
/// entered where its own TLS server enters it, below its threads and timeouts, which give each connection a thread.
/// One per worker thread; not thread-safe.
class Exchange {
 public:
  Exchange(App& app, const Adapter& adapter);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Precondition: a whole, well-formed header is pending on the connection.
  Next serve(Connection& connection);

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace moetune::daemon::http
