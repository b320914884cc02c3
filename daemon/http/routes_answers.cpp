#include <fmt/format.h>

#include "daemon/answers.hpp"
#include "daemon/http/app.hpp"
#include "daemon/http/parameters.hpp"
#include "daemon/http/routes.hpp"
#include "schema/problem.hpp"

namespace moetune::daemon::http {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

/// The filter of a question about one kind of problem, which names at least E and N.
Result<schema::GroupFilter> problem_filter(const Query& query) {
  for (const std::string_view name : {"E", "N"}) {
    if (query.get(name)) continue;
    return fail(ErrorCode::invalid_argument, fmt::format("query parameter \"{}\" is required", name),
                {{"parameter", name}});
  }
  return group_filter(query);
}

}  // namespace

Result<Response> get_best(App& app, Request& request) {
  const auto filter = problem_filter(request.query);
  if (!filter) return std::unexpected(filter.error());
  const auto batch = optional_integer(request.query, "batch", 1, schema::k_max_batch);
  if (!batch) return std::unexpected(batch.error());
  auto answer = best_answer(app.services.database, *filter, *batch);
  if (!answer) return std::unexpected(answer.error());
  return json_response(*answer);
}

Result<Response> get_export(App& app, Request& request) {
  const auto filter = problem_filter(request.query);
  if (!filter) return std::unexpected(filter.error());
  const auto allow_recorded = flag(request.query, "allow_recorded");
  if (!allow_recorded) return std::unexpected(allow_recorded.error());
  const auto format = schema::engine_format_from_name(request.query.get("format").value_or("vllm"));
  if (!format) return std::unexpected(format.error());
  auto file = export_answer(app.services.database, {*filter, *format, *allow_recorded});
  if (!file) return std::unexpected(file.error());
  Response response;
  response.body = std::move(file->bytes);
  response.headers.emplace_back("Content-Disposition", fmt::format("attachment; filename=\"{}\"", file->name));
  return response;
}

}  // namespace moetune::daemon::http
