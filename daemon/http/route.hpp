#pragma once

#include <string_view>
#include <vector>

#include "daemon/http/message.hpp"
#include "schema/error.hpp"

namespace moetune::daemon::http {

struct App;

/// Turns a request into an answer: parse to a value, make one call, render.
using Handler = schema::Result<Response> (*)(App&, Request&);

/// What a request of this route costs: a moment, or a thread for as long as the client takes.
enum class Load { quick, bulk, events };

/// none: a body is refused. json: read and parsed into Request::json. optional_json: the same, may be missing.
/// pieces: the handler reads Request::body.
enum class BodyKind { none, json, optional_json, pieces };

struct Route {
  std::string_view method;
  std::string_view pattern;  ///< e.g. "/sweeps/{id}/events"
  Handler handler = nullptr;
  std::vector<std::string_view> query;  ///< the parameters that are known
  BodyKind body = BodyKind::none;
  std::vector<std::string_view> media;  ///< the content types that a body may have
  Load load = Load::quick;
};

/// Every route of the daemon.
const std::vector<Route>& route_table();

struct RouteMatch {
  const Route* route = nullptr;           ///< none: see `allowed`
  std::string id;                         ///< what stood for {id}
  std::vector<std::string_view> allowed;  ///< methods of the routes with this path
};

/// HEAD counts as GET. `segments`: the decoded path.
RouteMatch find_route(const std::vector<Route>& table, std::string_view method,
                      const std::vector<std::string>& segments);

}  // namespace moetune::daemon::http
