#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "daemon/http/app.hpp"
#include "daemon/http/parameters.hpp"
#include "daemon/http/routes.hpp"
#include "db/routing_store.hpp"

namespace moetune::daemon::http {

using nlohmann::ordered_json;
using schema::Result;

Result<Response> get_routings(App& app, Request& request) {
  const auto wanted = page_of(request.query);
  if (!wanted) return std::unexpected(wanted.error());
  const auto entries = app.services.database.read(
      [&](db::Snapshot& snapshot) { return db::list_expert_counts(snapshot, wanted->after, wanted->limit + 1); });
  if (!entries) return std::unexpected(entries.error());
  const auto shown = std::min(entries->size(), static_cast<std::size_t>(wanted->limit));
  std::vector<ordered_json> items;
  for (const auto& entry : std::span(*entries).first(shown)) {
    items.push_back({{"routing", entry.name},
                     {"layers", entry.layers},
                     {"experts", entry.experts},
                     {"added_at", schema::to_text(entry.added_at)}});
  }
  const auto next = shown < entries->size() ? std::optional((*entries)[shown - 1].id) : std::nullopt;
  return json_response(page_body(std::move(items), next));
}

Result<Response> get_routing(App& app, Request& request) {
  const auto stored =
      app.services.database.read([&](db::Snapshot& snapshot) { return db::find_expert_counts(snapshot, request.id); });
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) {
    return schema::fail(
        schema::ErrorCode::not_found,
        fmt::format("no counts are kept under the id \"{}\"; GET /routings lists them", request.id.substr(0, 80)));
  }
  ordered_json body = {{"routing", request.id}};
  body.update(schema::to_json((*stored)->counts));
  body["added_at"] = schema::to_text((*stored)->added_at);
  return json_response(body);
}

}  // namespace moetune::daemon::http
