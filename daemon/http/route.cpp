#include "daemon/http/route.hpp"

#include <algorithm>

namespace moetune::daemon::http {
namespace {

/// Compares a path with a pattern segment by segment; puts what stands for {id} into `id`.
bool matches(std::string_view pattern, const std::vector<std::string>& segments, std::string& id) {
  std::size_t index = 0;
  for (pattern.remove_prefix(1); !pattern.empty(); ++index) {
    const std::string_view wanted = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(std::min(pattern.size(), wanted.size() + 1));
    if (index == segments.size()) return false;
    if (wanted == "{id}") {
      id = segments[index];
    } else if (wanted != segments[index]) {
      return false;
    }
  }
  return index == segments.size();
}

}  // namespace

RouteMatch find_route(const std::vector<Route>& table, std::string_view method,
                      const std::vector<std::string>& segments) {
  RouteMatch match;
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  for (const Route& route : table) {
    std::string id;
    if (!matches(route.pattern, segments, id)) continue;
    match.allowed.push_back(route.method);
    if (route.method == "GET") match.allowed.push_back("HEAD");
    if (route.method != wanted) continue;
    match.route = &route;
    match.id = std::move(id);
  }
  return match;
}

}  // namespace moetune::daemon::http
