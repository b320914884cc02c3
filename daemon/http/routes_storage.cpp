#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <string>

#include "daemon/http/app.hpp"
#include "daemon/http/parameters.hpp"
#include "daemon/http/routes.hpp"
#include "daemon/kernel_cache.hpp"
#include "daemon/upload_store.hpp"
#include "db/database.hpp"
#include "db/maintenance.hpp"
#include "schema/strict_json.hpp"

namespace moetune::daemon::http {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

Result<Response> removal_response(const Result<CacheRemoval>& removal) {
  if (!removal) return std::unexpected(removal.error());
  return json_response({{"files", removal->files}, {"bytes", removal->bytes}});
}

/// Sends a file from where the descriptor stands.
bool send_file(Sink& sink, int fd) {
  std::string block(256 << 10, '\0');
  for (;;) {
    const auto count = read(fd, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) spdlog::error("GET /db/backup broke off: {}", std::strerror(errno));
    if (count <= 0) return count == 0;
    if (!sink.write(std::string_view(block).substr(0, static_cast<std::size_t>(count)))) return false;
  }
}

}  // namespace

Result<Response> get_cache(App& app, Request&) {
  return json_response(to_json(app.services.cache.statistics()));
}

Result<Response> trim_cache(App& app, Request& request) {
  std::optional<std::int64_t> bytes;
  if (!request.json.is_null()) {
    schema::ObjectReader reader(request.json, "the body");
    reader.refuse_null({"bytes"});
    bytes = reader.optional_integer("bytes", 0, schema::ObjectReader::k_max);
    if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  }
  return removal_response(app.services.cache.trim(bytes));
}

Result<Response> clear_cache(App& app, Request& request) {
  if (auto empty = check_empty_body(request); !empty) return std::unexpected(empty.error());
  return removal_response(app.services.cache.clear());
}

Result<Response> explain_cache(App& app, Request& request) {
  const auto key = request.query.get("key");
  if (!key) return fail(ErrorCode::invalid_argument, "query parameter \"key\" is required", {{"parameter", "key"}});
  const auto explained = app.services.cache.explain(*key);
  if (!explained) return std::unexpected(explained.error());
  return json_response(*explained);
}

Result<Response> check_db(App& app, Request&) {
  const auto report = db::check_database(app.services.database.path().parent_path());
  if (!report) return std::unexpected(report.error());
  return json_response({{"ok", report->findings.empty()},
                        {"findings", report->findings},
                        {"schema_version", report->schema_version},
                        {"trials", report->trials},
                        {"sweeps", report->sweeps},
                        {"bytes", report->bytes}});
}

Result<Response> backup_db(App& app, Request&) {
  auto scratch = app.services.uploads.temporary();
  if (!scratch) return std::unexpected(scratch.error());
  if (auto copied = app.services.database.backup(scratch->path(), db::Overwrite::yes); !copied) {
    return std::unexpected(copied.error());
  }
  // The name goes with `scratch` at the end of this function, the bytes when they have been sent.
  auto file = std::make_shared<kernels::UniqueFd>(open(scratch->path().c_str(), O_RDONLY | O_CLOEXEC));
  if (!*file) return fail(ErrorCode::io, fmt::format("cannot read the backup: {}", std::strerror(errno)));
  Response response;
  response.content_type = "application/vnd.sqlite3";
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"results.db\"");
  response.stream = [file](Sink& sink) { return send_file(sink, file->get()); };
  return response;
}

}  // namespace moetune::daemon::http
