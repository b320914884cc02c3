#include <fmt/format.h>

#include <algorithm>

#include "daemon/http/app.hpp"
#include "daemon/http/body_reader.hpp"
#include "daemon/http/parameters.hpp"
#include "daemon/http/routes.hpp"
#include "db/candidate_store.hpp"
#include "kernels/sha256.hpp"
#include "schema/strict_json.hpp"

namespace moetune::daemon::http {

using nlohmann::ordered_json;
using schema::Result;

namespace {

/// A file of an import with what became of it.
struct Imported {
  std::string path;
  std::string digest;
  Result<schema::CandidateSet> set;
  db::AddedCandidateSet added;
};

Imported read_file(const schema::CandidateFile& file) {
  return {file.path, kernels::sha256_hex(file.text), schema::candidate_set_from_file(file), {}};
}

/// Stores all of a request or nothing.
Result<void> store(App& app, std::vector<Imported>& files) {
  return app.services.database.write([&](db::Transaction& transaction) -> Result<void> {
    for (Imported& file : files) {
      if (!file.set) continue;
      const auto added = db::add_candidate_set(transaction, *file.set, file.digest);
      if (!added) return std::unexpected(added.error());
      file.added = *added;
    }
    return {};
  });
}

ordered_json to_json(const Imported& file) {
  ordered_json object = {{"path", file.path}};
  if (!file.set) {
    object["error"] = file.set.error().message;
    return object;
  }
  const auto tiles = candidate_tiles(*file.set);
  object["id"] = file.added.id;
  object["name"] = file.set->name;
  object["known"] = file.added.known;
  object["rows"] = tiles.rows.size();
  object["unusable"] = tiles.unusable;
  return object;
}

ordered_json report_of(const std::vector<Imported>& files) {
  std::int64_t inserted = 0;
  std::int64_t duplicates = 0;
  ordered_json list = ordered_json::array();
  for (const Imported& file : files) {
    if (file.set) ++(file.added.known ? duplicates : inserted);
    list.push_back(to_json(file));
  }
  const std::int64_t rejected = std::ssize(files) - inserted - duplicates;
  return {{"files", std::move(list)}, {"inserted", inserted}, {"duplicates", duplicates}, {"rejected", rejected}};
}

Result<db::CandidateFilter> candidate_filter(const Query& query) {
  const auto group = group_filter(query);
  if (!group) return std::unexpected(group.error());
  db::CandidateFilter filter{.num_experts = group->num_experts,
                             .intermediate_size = group->intermediate_size,
                             .dtype = {},
                             .block_shape = group->block_shape,
                             .device = group->device,
                             .engine = {},
                             .include_discarded = false};
  const auto discarded = flag(query, "discarded");
  if (!discarded) return std::unexpected(discarded.error());
  filter.include_discarded = *discarded;
  if (group->dtype) filter.dtype = std::string(name_of(*group->dtype));
  if (const auto name = query.get("engine")) {
    const auto engine = schema::engine_format_from_name(*name);
    if (!engine) {
      return schema::fail(engine.error().code, fmt::format("engine must be vllm or sglang, not \"{}\"", *name));
    }
    filter.engine = *engine;
  }
  return filter;
}

Result<std::int64_t> set_id(const Request& request) {
  return schema::integer_from_text("candidate set id", request.id, 1, schema::ObjectReader::k_max);
}

}  // namespace

Result<Response> import_candidates(App& app, Request& request) {
  request.body->set_limits(app.limits.json_bytes, app.limits.body_time, BodyReader::Pace::in_all);
  const auto text = request.body->read_all();
  if (!text) return std::unexpected(text.error());
  const auto value = schema::parse_json(*text, "the body");
  if (!value) return std::unexpected(value.error());
  const auto files = schema::candidate_files_from_json(*value);
  if (!files) return std::unexpected(files.error());
  std::vector<Imported> imported;
  std::ranges::transform(*files, std::back_inserter(imported), read_file);
  if (auto stored = store(app, imported); !stored) return std::unexpected(stored.error());
  return json_response(report_of(imported));
}

Result<Response> get_candidates(App& app, Request& request) {
  const auto filter = candidate_filter(request.query);
  if (!filter) return std::unexpected(filter.error());
  const auto page = page_of(request.query);
  if (!page) return std::unexpected(page.error());
  const auto sets = app.services.database.read(
      [&](db::Snapshot& snapshot) { return db::list_candidate_sets(snapshot, *filter, page->after, page->limit + 1); });
  if (!sets) return std::unexpected(sets.error());
  const auto shown = std::min(sets->size(), static_cast<std::size_t>(page->limit));
  std::vector<ordered_json> items;
  for (std::size_t i = 0; i < shown; ++i) items.push_back(schema::to_json((*sets)[i]));
  const auto next = shown < sets->size() ? std::optional((*sets)[shown - 1].id) : std::nullopt;
  return json_response(page_body(std::move(items), next));
}

Result<Response> get_candidate_set(App& app, Request& request) {
  const auto id = set_id(request);
  if (!id) return std::unexpected(id.error());
  auto body = app.services.database.read([&](db::Snapshot& snapshot) -> Result<ordered_json> {
    const auto stored = db::find_candidate_set(snapshot, *id);
    if (!stored) return std::unexpected(stored.error());
    const auto seeding = db::find_seeding_set(snapshot, *id);
    if (!seeding) return std::unexpected(seeding.error());
    ordered_json object = schema::to_json(*stored);
    object["configs"] = ordered_json::object();
    for (const auto& [batch, tile] : seeding->tiles.rows) {
      object["configs"][std::to_string(batch)] = schema::to_json(tile);
    }
    return object;
  });
  if (!body) return std::unexpected(body.error());
  return json_response(*body);
}

Result<Response> get_candidate_file(App& app, Request& request) {
  const auto id = set_id(request);
  if (!id) return std::unexpected(id.error());
  auto content =
      app.services.database.read([&](db::Snapshot& snapshot) { return db::find_candidate_content(snapshot, *id); });
  if (!content) return std::unexpected(content.error());
  auto disposition = attachment(content->file);
  if (!disposition) return std::unexpected(disposition.error());
  Response response;
  response.body = std::move(content->text);
  response.headers.emplace_back("Content-Disposition", std::move(*disposition));
  return response;
}

Result<Response> discard_candidates(App& app, Request& request) {
  const auto id = set_id(request);
  if (!id) return std::unexpected(id.error());
  if (auto empty = check_empty_body(request); !empty) return std::unexpected(empty.error());
  const auto stored = app.services.database.write(
      [&](db::Transaction& transaction) { return db::discard_candidate_set(transaction, *id); });
  if (!stored) return std::unexpected(stored.error());
  return json_response(schema::to_json(*stored));
}

}  // namespace moetune::daemon::http
