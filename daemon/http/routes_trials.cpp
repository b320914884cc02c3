#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "daemon/http/app.hpp"
#include "daemon/http/body_reader.hpp"
#include "daemon/http/parameters.hpp"
#include "daemon/http/routes.hpp"
#include "daemon/http/trial_csv.hpp"
#include "daemon/recorded_groups.hpp"
#include "daemon/routing_filter.hpp"
#include "daemon/upload_store.hpp"
#include "db/trial_import.hpp"
#include "db/trial_listing.hpp"
#include "kernels/line_reader.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon::http {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

constexpr std::size_t k_block = 64 << 10;  ///< what a streamed answer sends at a time

/// What an import may hold once it is decompressed.
constexpr kernels::LineLimits k_import_limits{
    .max_line_bytes = 4LL << 20, .max_bytes = 16LL << 30, .max_lines = 50'000'000};

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 19 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Result<db::TrialFilter> trial_filter(App& app, const Query& query) {
  db::TrialFilter filter;
  auto group = group_filter(query);
  if (!group) return std::unexpected(group.error());
  filter.group = std::move(*group);
  if (const auto& routing = filter.group.routing) {
    if (auto known = check_routing_filter(app.services.database, *routing); !known) {
      return std::unexpected(known.error());
    }
  }
  auto batch = optional_integer(query, "batch", 1, schema::k_max_batch);
  if (!batch) return std::unexpected(batch.error());
  filter.batch = *batch;
  if (const auto name = query.get("status")) {
    auto status = schema::trial_status_from_name(*name);
    if (!status) return std::unexpected(status.error());
    filter.status = *status;
  }
  if (const auto sweep = query.get("sweep"); sweep && is_number(*sweep)) {
    filter.sweep = std::stoll(std::string(*sweep));
  } else if (sweep && (sweep->empty() || sweep->size() > schema::k_max_label)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("sweep must be a number or a label of 1 to {} bytes", schema::k_max_label));
  } else if (sweep) {
    filter.sweep_label = std::string(*sweep);
  }
  auto discarded = flag(query, "discarded");
  if (!discarded) return std::unexpected(discarded.error());
  filter.include_discarded = *discarded;
  return filter;
}

std::string json_line(const schema::Trial& trial) {
  return schema::to_json(trial).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

using RowText = std::string (*)(const schema::Trial&);

/// Streams every matching row in blocks: memory stays constant however many there are.
Producer row_producer(const db::Database& database, db::TrialFilter filter, std::optional<std::int64_t> after,
                      std::optional<std::int64_t> limit, std::string head, RowText render) {
  return [&database, filter = std::move(filter), after, limit, head = std::move(head), render](Sink& sink) {
    std::string block = head;
    std::int64_t left = limit.value_or(-1);
    bool alive = true;
    const auto visited = db::for_each_trial(database, filter, after, [&](const db::StoredTrial& row) {
      if (left == 0) return false;
      --left;
      block += render(row.trial);
      if (block.size() < k_block) return true;
      alive = sink.write(block);
      block.clear();
      return alive;
    });
    if (!visited) spdlog::error("GET /trials broke off: {}", visited.error().message);
    return visited && alive && sink.write(block);
  };
}

Result<Response> stream_trials(App& app, const db::TrialFilter& filter, const Page& page, const Query& query,
                               bool csv) {
  auto slot = app.bulk_transfers.take();
  if (!slot) return std::unexpected(slot.error());
  // What is wrong with the filter has to show before the answer begins.
  const auto probe = app.services.database.read(
      [&](db::Snapshot& snapshot) { return db::list_trials(snapshot, filter, page.after, 1); });
  if (!probe) return std::unexpected(probe.error());
  const auto limit = query.get("limit") ? std::optional(page.limit) : std::nullopt;
  Response response;
  response.content_type = csv ? "text/csv; charset=utf-8" : "application/x-ndjson";
  response.stream = row_producer(app.services.database, filter, page.after, limit, csv ? trial_csv_header() : "",
                                 csv ? trial_csv_line : json_line);
  response.held = std::move(*slot);
  return response;
}

nlohmann::ordered_json to_json(const db::ImportReport& report) {
  auto rejections = nlohmann::ordered_json::array();
  for (const db::Rejection& rejection : report.rejections) {
    rejections.push_back({{"line", rejection.line}, {"message", rejection.message}});
  }
  return {{"rows", report.rows},           {"inserted", report.inserted}, {"duplicates", report.duplicates},
          {"completed", report.completed}, {"rejected", report.rejected}, {"rejections", std::move(rejections)}};
}

/// The route takes this type for engine files; which types there are is checked before.
bool is_json(const Request& request) {
  std::string type(request.headers.get("content-type").value_or(""));
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type.starts_with("application/json");
}

/// Passes lines on, and what is wrong with the file as the client's fault: it came in with the request.
db::LineSource line_source(kernels::LineReader& reader) {
  return [&reader](std::string& line) -> Result<bool> {
    auto next = reader.next();
    if (!next) {
      schema::Error error = next.error();
      if (error.code == ErrorCode::data_damaged) error.code = ErrorCode::invalid_argument;
      return std::unexpected(std::move(error));
    }
    if (!*next) return false;
    line.assign(**next);
    return true;
  };
}

}  // namespace

Result<Response> get_trials(App& app, Request& request) {
  const auto filter = trial_filter(app, request.query);
  if (!filter) return std::unexpected(filter.error());
  const auto page = page_of(request.query);
  if (!page) return std::unexpected(page.error());
  const std::string_view format = request.query.get("format").value_or("json");
  if (format == "jsonl" || format == "csv") {
    return stream_trials(app, *filter, *page, request.query, format == "csv");
  }
  if (format != "json") {
    return fail(ErrorCode::invalid_argument, fmt::format("format \"{}\" is not known; use json, jsonl or csv", format));
  }
  const auto rows = app.services.database.read(
      [&](db::Snapshot& snapshot) { return db::list_trials(snapshot, *filter, page->after, page->limit + 1); });
  if (!rows) return std::unexpected(rows.error());
  std::vector<nlohmann::ordered_json> items;
  std::optional<std::int64_t> next;
  for (const db::StoredTrial& row : *rows) {
    if (static_cast<std::int64_t>(items.size()) == page->limit) break;
    items.push_back(schema::to_json(row.trial));
    next = row.id;
  }
  if (items.size() == rows->size()) next.reset();
  return json_response(page_body(std::move(items), next));
}

Result<Response> post_upload(App& app, Request& request) {
  auto upload = app.services.uploads.begin();
  if (!upload) return std::unexpected(upload.error());
  for (;;) {
    const auto piece = request.body->next();
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (auto written = upload->write(*piece); !written) return std::unexpected(written.error());
  }
  auto id = upload->commit();
  if (!id) return std::unexpected(id.error());
  return json_response({{"id", *id}}, 201);
}

Result<Response> get_upload_groups(App& app, Request& request) {
  const auto path = app.services.uploads.path(request.id);
  if (!path) return std::unexpected(path.error());
  const auto groups = recorded_groups(*path);
  if (!groups) return std::unexpected(in_terms_of_upload(groups.error(), *path, request.id));
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const RecordedGroup& group : *groups) list.push_back(to_json(group));
  return json_response({{"groups", std::move(list)}});
}

Result<Response> post_import(App& app, Request& request) {
  if (is_json(request)) return import_candidates(app, request);
  // Spooled first, so that the database never waits for a client.
  auto spool = app.services.uploads.temporary();
  if (!spool) return std::unexpected(spool.error());
  for (;;) {
    const auto piece = request.body->next();
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (auto written = spool->write(*piece); !written) return std::unexpected(written.error());
  }
  auto reader = kernels::LineReader::open(spool->path(), k_import_limits);
  if (!reader) return std::unexpected(reader.error());
  const db::ImportOptions options{
      [](const schema::Problem& problem, std::int64_t batch) {
        return std::optional(schema::effective_config(problem, schema::default_config(problem, batch)));
      },
      schema::default_config_source()};
  const auto report = db::import_trials(app.services.database, line_source(*reader), options);
  if (!report) return std::unexpected(report.error());
  if (report->rejected > 0 && report->rejected == report->rows) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("none of the {} lines is a trial: line {}: {}", report->rows,
                            report->rejections.front().line, report->rejections.front().message),
                to_json(*report));
  }
  return json_response(to_json(*report));
}

}  // namespace moetune::daemon::http
