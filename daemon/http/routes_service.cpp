#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <iterator>

#include "daemon/folder_publisher.hpp"
#include "daemon/http/app.hpp"
#include "daemon/http/parameters.hpp"
#include "daemon/http/routes.hpp"
#include "daemon/kernel_cache.hpp"
#include "daemon/sweep_control.hpp"
#include "db/catalog.hpp"
#include "db/database.hpp"
#include "openapi.hpp"
#include "schema/timestamp.hpp"

namespace moetune::daemon::http {

using schema::Result;

namespace {

constexpr std::uintmax_t k_little_space = 256 << 20;

/// Why the daemon works less well than it could; empty when all is well.
std::vector<std::string> complaints(App& app) {
  std::vector<std::string> reasons;
  const std::filesystem::path folder = app.services.database.path().parent_path();
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  if (!error && space.available < k_little_space) {
    reasons.push_back(fmt::format("{} MiB left on the disk of {}", space.available >> 20, folder.string()));
  }
  if (const auto cache = app.services.cache.statistics(); !cache.writable) {
    reasons.push_back(fmt::format("the kernel cache {} cannot be written", cache.folder.string()));
  }
  if (app.services.publisher != nullptr) {
    const auto status = app.services.publisher->status();
    if (!status.trouble.empty()) {
      reasons.push_back(
          fmt::format("cannot publish into {}: {}", app.services.publisher->folder().string(), status.trouble));
    }
  }
  return reasons;
}

void write_value(std::string& text, std::string_view name, std::string_view type, std::string_view help, double value) {
  write_family(text, name, type, help);
  fmt::format_to(std::back_inserter(text), "{} {}\n", name, value);
}

void write_cache(std::string& text, const CacheStatistics& cache) {
  const auto gauge = [&](std::string_view name, std::string_view help, std::int64_t value) {
    write_value(text, fmt::format("moetune_cache_{}", name), "gauge", help, static_cast<double>(value));
  };
  const auto counter = [&](std::string_view name, std::string_view help, std::int64_t value) {
    write_value(text, fmt::format("moetune_cache_{}_total", name), "counter", help, static_cast<double>(value));
  };
  gauge("bytes", "bytes of all files of the kernel cache", cache.bytes);
  gauge("kernels", "files with machine code", cache.kernels);
  gauge("failures", "files that remember a failure", cache.failures);
  counter("hits", "look-ups that found a kernel or a failure", cache.hits);
  counter("misses", "look-ups that found nothing", cache.misses);
  counter("published", "kernels and failures that were added", cache.published);
  counter("evictions", "files removed for the size limit", cache.evictions);
  counter("damaged", "files removed because they did not hold together", cache.damaged);
}

void write_publisher(std::string& text, const FolderPublisher& publisher) {
  const auto status = publisher.status();
  write_value(text, "moetune_publish_updates_total", "counter", "looks that brought the published folder up to date",
              static_cast<double>(status.updates));
  write_value(text, "moetune_publish_failures_total", "counter", "looks that could not",
              static_cast<double>(status.failures));
  write_value(text, "moetune_publish_files", "gauge", "files of the published folder",
              static_cast<double>(status.files));
  write_value(text, "moetune_publish_refused", "gauge", "files that somebody else's keep out of the published folder",
              static_cast<double>(status.refused));
}

void write_totals(std::string& text, const db::Totals& totals) {
  const auto out = std::back_inserter(text);
  const auto count = [](const auto& counts, auto key) {
    const auto found = counts.find(key);
    return found == counts.end() ? 0 : found->second;
  };
  write_family(text, "moetune_trials", "gauge", "rows by status, discarded ones included");
  for (const auto status : schema::all_trial_statuses()) {
    fmt::format_to(out, "moetune_trials{{status=\"{}\"}} {}\n", name_of(status), count(totals.trials, status));
  }
  write_family(text, "moetune_sweeps", "gauge", "sweeps by state");
  using enum schema::SweepState;
  for (const auto state : {queued, running, paused, done, failed, cancelled}) {
    fmt::format_to(out, "moetune_sweeps{{state=\"{}\"}} {}\n", name_of(state), count(totals.sweeps, state));
  }
}

}  // namespace

Result<Response> get_health(App& app, Request&) {
  std::vector<std::string> reasons = complaints(app);
  const auto readable = app.services.database.read([](db::Snapshot&) { return Result<bool>(true); });
  if (!readable) reasons.push_back(fmt::format("the database cannot be read: {}", readable.error().message));
  const auto uptime = std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now() - app.began).count();
  nlohmann::ordered_json body = {{"status", reasons.empty() ? "ok" : "degraded"},
                                 {"version", MOETUNE_VERSION},
                                 {"started_at", schema::to_text(app.started_at)},
                                 {"uptime_s", uptime},
                                 {"busy", app.services.sweeps.busy()},
                                 {"reasons", reasons}};
  return json_response(body, readable ? 200 : 503);
}

Result<Response> get_metrics(App& app, Request&) {
  const auto totals = app.services.database.read(&db::count_totals);
  if (!totals) return std::unexpected(totals.error());
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  std::string& text = response.body;
  write_family(text, "moetune_build_info", "gauge", "the version that is running");
  text += fmt::format("moetune_build_info{{version=\"{}\"}} 1\n", MOETUNE_VERSION);
  write_value(text, "process_start_time_seconds", "gauge", "start of the daemon, seconds since 1970",
              static_cast<double>(app.started_at.ms) / 1000);
  write_value(text, "moetune_http_connections", "gauge", "open connections", static_cast<double>(app.connections));
  write_value(text, "moetune_http_event_streams", "gauge", "open event streams",
              static_cast<double>(app.event_streams.taken()));
  write_value(text, "moetune_http_bulk_transfers", "gauge", "uploads, imports and streamed answers under way",
              static_cast<double>(app.bulk_transfers.taken()));
  app.metrics.write(text);
  write_totals(text, *totals);
  write_cache(text, app.services.cache.statistics());
  if (app.services.publisher != nullptr) write_publisher(text, *app.services.publisher);
  for (const auto& [name, value] : app.services.sweeps.counters()) {
    write_value(text, fmt::format("moetune_{}", name), name.ends_with("_total") ? "counter" : "gauge",
                "of the scheduler", value);
  }
  return response;
}

Result<Response> get_openapi(App&, Request&) {
  Response response;
  response.body = openapi_json;
  return response;
}

Result<Response> get_doctor(App& app, Request&) {
  return json_response(app.services.doctor());
}

Result<Response> get_index(App&, Request&) {
  Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = fmt::format("moetune {}\n\n", MOETUNE_VERSION);
  for (const Route& route : route_table()) {
    response.body += fmt::format("{:4} {}", route.method, route.pattern);
    if (!route.query.empty()) response.body += fmt::format("  ?{}", fmt::join(route.query, "&"));
    response.body += '\n';
  }
  response.body += "\n/openapi.json has the parameters and the answers.\n";
  return response;
}

}  // namespace moetune::daemon::http
