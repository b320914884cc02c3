#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "daemon/best_answer.hpp"
#include "daemon/export_answer.hpp"
#include "daemon/http/app.hpp"
#include "daemon/http/parameters.hpp"
#include "daemon/http/routes.hpp"
#include "daemon/publication.hpp"
#include "daemon/routing_filter.hpp"
#include "schema/problem.hpp"
#include "schema/routing.hpp"
#include "schema/strict_json.hpp"

namespace moetune::daemon::http {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

/// "uniform,zipf:1.20" as canonical names, each once; none for an empty text.
std::vector<std::string> routings_in(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    const std::string name = schema::canonical_routing(list.substr(0, end));
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return names;
}

/// The filter of a question about one kind of problem, which names at least E and N.
Result<schema::GroupFilter> problem_filter(App& app, const Query& query) {
  for (const std::string_view name : {"E", "N"}) {
    if (query.get(name)) continue;
    return fail(ErrorCode::invalid_argument, fmt::format("query parameter \"{}\" is required", name),
                {{"parameter", name}});
  }
  auto filter = group_filter(query);
  if (!filter || !filter->routing) return filter;
  const bool several = flag(query, "robust").value_or(false);
  for (const auto& routing : several ? routings_in(*filter->routing) : std::vector{*filter->routing}) {
    if (auto known = check_routing_filter(app.services.database, routing); !known) {
      return std::unexpected(known.error());
    }
  }
  return filter;
}

/// What GET /export, GET /guarantee and GET /merge have in common.
Result<ExportQuery> export_query(App& app, const Query& query) {
  auto filter = problem_filter(app, query);
  if (!filter) return std::unexpected(filter.error());
  const auto allow_recorded = flag(query, "allow_recorded");
  if (!allow_recorded) return std::unexpected(allow_recorded.error());
  const auto format = schema::engine_format_from_name(query.get("format").value_or("vllm"));
  if (!format) return std::unexpected(format.error());
  ExportQuery wanted{.filter = std::move(*filter), .format = *format, .allow_recorded = *allow_recorded};
  const auto robust = flag(query, "robust");
  if (!robust) return std::unexpected(robust.error());
  if (*robust) wanted.robust = routings_in(wanted.filter.routing.value_or(""));
  if (*robust) wanted.filter.routing.reset();
  return wanted;
}

/// What GET /export and GET /guarantee ask for.
Result<ExportQuery> file_query(App& app, const Query& query) {
  auto wanted = export_query(app, query);
  if (!wanted) return wanted;
  const auto merge = flag(query, "merge");
  if (!merge) return std::unexpected(merge.error());
  const auto gemm = schema::gemm_from_name(query.get("gemm").value_or("up"));
  if (!gemm) return std::unexpected(gemm.error());
  wanted->merge = *merge;
  wanted->gemm = *gemm;
  return wanted;
}

/// The share of a step that the kernel takes: over 0, at most 1.
Result<std::optional<double>> kernel_share(const Query& query) {
  const auto text = query.get("kernel_share");
  if (!text) return std::optional<double>();
  double share = 0;
  const char* end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, share);
  if (error == std::errc() && rest == end && share > 0 && share <= 1) return std::optional(share);
  return fail(ErrorCode::invalid_argument,
              fmt::format("query parameter \"kernel_share\" must be a number over 0 and at most 1, not \"{}\"", *text),
              {{"parameter", "kernel_share"}});
}

}  // namespace

Result<Response> get_best(App& app, Request& request) {
  const auto filter = problem_filter(app, request.query);
  if (!filter) return std::unexpected(filter.error());
  const auto batch = optional_integer(request.query, "batch", 1, schema::k_max_batch);
  if (!batch) return std::unexpected(batch.error());
  const auto traffic = optional_integer(request.query, "traffic", 1, schema::ObjectReader::k_max);
  if (!traffic) return std::unexpected(traffic.error());
  const auto share = kernel_share(request.query);
  if (!share) return std::unexpected(share.error());
  auto answer =
      best_answer(app.services.database, *filter, {.batch = *batch, .traffic = *traffic, .kernel_share = *share});
  if (!answer) return std::unexpected(answer.error());
  return json_response(*answer);
}

Result<Response> get_export(App& app, Request& request) {
  const auto wanted = file_query(app, request.query);
  if (!wanted) return std::unexpected(wanted.error());
  auto file = export_answer(app.services.database, *wanted);
  if (!file) return std::unexpected(file.error());
  auto disposition = attachment(file->name);
  if (!disposition) return std::unexpected(disposition.error());
  Response response;
  response.body = std::move(file->bytes);
  response.headers.emplace_back("Content-Disposition", std::move(*disposition));
  response.headers.emplace_back("ETag", fmt::format("\"{}\"", file->choice));
  if (const auto& gap = file->untested) {
    response.headers.emplace_back("Moetune-Untested", fmt::format("{}..{}", gap->low + 1, gap->high - 1));
  }
  if (!file->unfinished.empty()) {
    response.headers.emplace_back("Moetune-Unfinished", fmt::format("{}", fmt::join(file->unfinished, ",")));
  }
  return response;
}

Result<Response> get_guarantee(App& app, Request& request) {
  const auto wanted = file_query(app, request.query);
  if (!wanted) return std::unexpected(wanted.error());
  const auto answer = guarantee_answer(app.services.database, *wanted);
  if (!answer) return std::unexpected(answer.error());
  return json_response(*answer);
}

Result<Response> get_merge(App& app, Request& request) {
  auto wanted = export_query(app, request.query);
  if (!wanted) return std::unexpected(wanted.error());
  wanted->merge = true;
  const auto answer = merge_answer(app.services.database, *wanted);
  if (!answer) return std::unexpected(answer.error());
  return json_response(*answer);
}

Result<Response> get_publication(App& app, Request& request) {
  PublicationQuery wanted;
  schema::GroupFilter filter;
  if (const auto kernel = request.query.get("kernel")) {
    if (const auto set = filter.set("kernel", *kernel); !set) return std::unexpected(set.error());
    wanted.kernel = filter.kernel;
  }
  if (const auto name = request.query.get("format")) {
    const auto format = schema::engine_format_from_name(*name);
    if (!format) return std::unexpected(format.error());
    wanted.format = *format;
  }
  const auto allow_recorded = flag(request.query, "allow_recorded");
  if (!allow_recorded) return std::unexpected(allow_recorded.error());
  const auto allow_gaps = flag(request.query, "allow_gaps");
  if (!allow_gaps) return std::unexpected(allow_gaps.error());
  wanted.allow_recorded = *allow_recorded;
  wanted.allow_gaps = *allow_gaps;
  const auto publication = publication_of(app.services.database, wanted);
  if (!publication) return std::unexpected(publication.error());
  return json_response(schema::publish::to_json(*publication));
}

}  // namespace moetune::daemon::http
