#include "daemon/http/app.hpp"
#include "daemon/http/parameters.hpp"
#include "daemon/http/routes.hpp"
#include "db/traffic_store.hpp"
#include "schema/strict_json.hpp"

namespace moetune::daemon::http {

using nlohmann::ordered_json;
using schema::Result;

namespace {

constexpr std::int64_t k_listed_imports = 100;

Result<schema::StoredTraffic> wanted_traffic(db::Snapshot& snapshot, std::optional<std::int64_t> id) {
  if (id) return db::find_traffic(snapshot, *id);
  auto newest = db::newest_traffic(snapshot);
  if (!newest) return std::unexpected(newest.error());
  if (*newest) return std::move(**newest);
  return schema::fail(schema::ErrorCode::not_found,
                      "no traffic was imported; moetune traffic import FILE reads it from vLLM's log or metrics");
}

Result<ordered_json> traffic_body(db::Snapshot& snapshot, std::optional<std::int64_t> id) {
  const auto stored = wanted_traffic(snapshot, id);
  if (!stored) return std::unexpected(stored.error());
  const auto imports = db::list_traffic(snapshot, k_listed_imports);
  if (!imports) return std::unexpected(imports.error());
  ordered_json body = schema::to_json(*stored);
  body["imports"] = ordered_json::array();
  for (const auto& entry : *imports) {
    body["imports"].push_back({{"id", entry.id},
                               {"name", entry.name},
                               {"source", name_of(entry.source)},
                               {"imported_at", schema::to_text(entry.imported_at)},
                               {"steps", entry.steps}});
  }
  return body;
}

}  // namespace

Result<Response> post_traffic(App& app, Request& request) {
  const auto traffic = schema::traffic_from_json(request.json);
  if (!traffic) return std::unexpected(traffic.error());
  const auto body = app.services.database.write([&](db::Transaction& transaction) -> Result<ordered_json> {
    const auto id = db::add_traffic(transaction, *traffic);
    if (!id) return std::unexpected(id.error());
    return traffic_body(transaction, *id);
  });
  if (!body) return std::unexpected(body.error());
  return json_response(*body);
}

Result<Response> get_traffic(App& app, Request& request) {
  const auto id = optional_integer(request.query, "id", 1, schema::ObjectReader::k_max);
  if (!id) return std::unexpected(id.error());
  const auto body = app.services.database.read([&](db::Snapshot& snapshot) { return traffic_body(snapshot, *id); });
  if (!body) return std::unexpected(body.error());
  return json_response(*body);
}

}  // namespace moetune::daemon::http
