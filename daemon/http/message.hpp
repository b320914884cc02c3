#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/http/target.hpp"
#include "schema/error.hpp"

namespace moetune::daemon::http {

class BodyReader;

/// The fields of a request's header; names are compared without regard to case.
class Headers {
 public:
  void add(std::string name, std::string value);
  std::size_t count(std::string_view name) const;
  /// The first value, or nothing.
  std::optional<std::string_view> get(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

/// One request as a handler sees it. The body is read by the adapter (JSON) or piece by piece by the handler.
struct Request {
  std::string method;
  std::string version;
  std::string target;  ///< as it came
  Headers headers;
  std::vector<std::string> segments;
  Query query;
  std::string id;              ///< what stands for {id} in the route's pattern
  nlohmann::json json;         ///< the parsed body of a JSON route; null without one
  BodyReader* body = nullptr;  ///< never null while a request is answered
};

/// Where a streamed body is written to.
class Sink {
 public:
  virtual ~Sink() = default;
  /// False: the client is gone, give up.
  virtual bool write(std::string_view bytes) = 0;
  /// False when the client has closed the connection or the server is stopping: an endless stream ends here.
  virtual bool wanted() const = 0;
};

/// Writes a whole body; false when it could not be finished, so that the client sees a broken transfer instead of a
/// short one.
using Producer = std::function<bool(Sink&)>;

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Producer stream;             ///< when set, `body` is not used
  std::shared_ptr<void> held;  ///< released when the body has been sent: a slot, a file
};

/// A Content-Disposition for a file name as it is. Errors: conflict when a header cannot carry the name.
schema::Result<std::string> attachment(std::string_view name);

Response json_response(const nlohmann::ordered_json& body, int status = 200);

}  // namespace moetune::daemon::http
