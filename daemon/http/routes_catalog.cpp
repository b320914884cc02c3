#include <algorithm>

#include "daemon/http/app.hpp"
#include "daemon/http/parameters.hpp"
#include "daemon/http/routes.hpp"
#include "db/catalog.hpp"
#include "schema/timestamp.hpp"

namespace moetune::daemon::http {

using schema::Result;

namespace {

nlohmann::ordered_json to_json(const db::DeviceEntry& entry) {
  return {
      {"device", entry.name}, {"archs", entry.archs}, {"rows", entry.rows}, {"newest", schema::to_text(entry.newest)}};
}

nlohmann::ordered_json to_json(const db::ProblemEntry& entry) {
  nlohmann::ordered_json object;
  schema::write_problem(entry.problem, object);
  object["rows"] = entry.rows;
  object["ok_rows"] = entry.ok_rows;
  object["newest"] = schema::to_text(entry.newest);
  return object;
}

template <typename Entry>
Result<Response> page(App& app, Request& request,
                      Result<std::vector<Entry>> (*list)(db::Snapshot&, std::optional<std::int64_t>, std::int64_t)) {
  const auto wanted = page_of(request.query);
  if (!wanted) return std::unexpected(wanted.error());
  const auto entries = app.services.database.read(
      [&](db::Snapshot& snapshot) { return list(snapshot, wanted->after, wanted->limit + 1); });
  if (!entries) return std::unexpected(entries.error());
  const auto shown = std::min(entries->size(), static_cast<std::size_t>(wanted->limit));
  std::vector<nlohmann::ordered_json> items;
  for (std::size_t i = 0; i < shown; ++i) items.push_back(to_json((*entries)[i]));
  const auto next = shown < entries->size() ? std::optional((*entries)[shown - 1].id) : std::nullopt;
  return json_response(page_body(std::move(items), next));
}

}  // namespace

Result<Response> get_devices(App& app, Request& request) {
  return page(app, request, &db::list_devices);
}
Result<Response> get_problems(App& app, Request& request) {
  return page(app, request, &db::list_problems);
}

}  // namespace moetune::daemon::http
