#pragma once

#include <optional>

#include "daemon/http/message.hpp"
#include "daemon/http/route.hpp"
#include "schema/error.hpp"

namespace moetune::daemon::http {

struct App;

/// {"error": {"code", "message", "detail"}} with the status that fits the code, or the given one.
Response error_response(const schema::Error& error, std::optional<int> status = std::nullopt);

/// A whole response as bytes, for a client that is turned away before its request is parsed.
std::string wire_text(const Response& response);

/// The one place where requests become calls and errors, exceptions included, become answers.
class Adapter {
 public:
  Adapter(App& app, const std::vector<Route>& table) : app_(app), table_(table) {}

  struct Answer {
    Response response;
    const Route* route = nullptr;  ///< none when no route matched
  };
  /// Never throws. `request` has what the header says; `request.body` is set.
  Answer answer(Request& request) const;

 private:
  schema::Result<Response> dispatch(Request& request, const Route*& route) const;
  schema::Result<Response> call(const Route& route, Request& request) const;

  App& app_;
  const std::vector<Route>& table_;
};

}  // namespace moetune::daemon::http
