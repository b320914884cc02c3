#include "daemon/http/adapter.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <strings.h>

#include <algorithm>
#include <exception>

#include "daemon/http/app.hpp"
#include "daemon/http/body_reader.hpp"
#include "schema/strict_json.hpp"

namespace moetune::daemon::http {

using schema::Error;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return 400;
    case ErrorCode::unauthorized:
      return 401;
    case ErrorCode::forbidden:
      return 403;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::conflict:
      return 409;
    case ErrorCode::too_large:
      return 413;
    case ErrorCode::unsupported_media:
      return 415;
    case ErrorCode::unavailable:
      return 503;
    case ErrorCode::data_damaged:
    case ErrorCode::io:
    case ErrorCode::internal:
      return 500;
  }
  return 500;
}

/// The content type without parameters in lower case; nothing when its charset is not UTF-8.
std::optional<std::string> media_type(std::string_view field) {
  std::string text(field);
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::erase_if(text, [](char c) { return c == ' ' || c == '\t' || c == '"'; });
  const auto charset = text.find(";charset=");
  if (charset != std::string::npos && !std::string_view(text).substr(charset + 9).starts_with("utf-8")) return {};
  return text.substr(0, text.find(';'));
}

/// A web page can make a browser send forms and plain text without asking; these types it cannot.
Result<void> check_media(const Route& route, const Request& request) {
  const auto field = request.headers.get("content-type");
  if (request.body->empty() && !field) return {};
  if (const auto type = field ? media_type(*field) : std::string();
      type && std::ranges::count(route.media, *type) > 0) {
    if (!request.headers.get("content-encoding")) return {};
    return fail(ErrorCode::unsupported_media, "a body must come without Content-Encoding");
  }
  return fail(ErrorCode::unsupported_media,
              fmt::format("the body needs the content type {}", fmt::join(route.media, " or ")));
}

Result<void> check_body(const Route& route, const Request& request) {
  if (route.body == BodyKind::none) {
    if (request.body->empty()) return {};
    return fail(ErrorCode::invalid_argument, fmt::format("{} {} takes no body", route.method, route.pattern));
  }
  if (auto media = check_media(route, request); !media) return media;
  if (request.body->empty() && route.body != BodyKind::optional_json) {
    return fail(ErrorCode::invalid_argument, fmt::format("{} {} needs a body", route.method, route.pattern));
  }
  return {};
}

Result<void> check_query(const Route& route, const Query& query) {
  for (const auto& [name, value] : query.all()) {
    if (std::ranges::count(route.query, name) > 0) continue;
    std::string message = fmt::format("query parameter \"{}\" is not known to {}", name, route.pattern);
    message += route.query.empty() ? ", which takes none" : fmt::format("; known: {}", fmt::join(route.query, ", "));
    return fail(ErrorCode::invalid_argument, std::move(message), {{"parameter", name}});
  }
  return {};
}

Result<void> read_json(const Limits& limits, Request& request) {
  request.body->set_limits(limits.json_bytes, limits.body_time, BodyReader::Pace::in_all);
  auto text = request.body->read_all();
  if (!text) return std::unexpected(text.error());
  auto value = schema::parse_json(*text, "the body");
  if (!value) return std::unexpected(value.error());
  if (value->is_null()) return fail(ErrorCode::invalid_argument, "the body must be a JSON object, not null");
  request.json = std::move(*value);
  return {};
}

Result<std::shared_ptr<void>> take_slot(App& app, Load load) {
  switch (load) {
    case Load::bulk:
      return app.bulk_transfers.take();
    case Load::events:
      return app.event_streams.take();
    case Load::quick:
      break;
  }
  return std::shared_ptr<void>();
}

Response method_not_allowed(const Request& request, const RouteMatch& match) {
  const std::string allowed = fmt::format("{}", fmt::join(match.allowed, ", "));
  Response response = error_response(
      {ErrorCode::invalid_argument, fmt::format("{} is not possible here; use {}", request.method, allowed), nullptr},
      405);
  response.headers.emplace_back("Allow", allowed);
  return response;
}

}  // namespace

Response error_response(const Error& error, std::optional<int> status) {
  nlohmann::ordered_json body;
  body["error"]["code"] = schema::name_of(error.code);
  body["error"]["message"] = error.message;
  body["error"]["detail"] = error.detail.is_null() ? nlohmann::json::object() : error.detail;
  Response response = json_response(body, status.value_or(status_of(error.code)));
  if (error.code == ErrorCode::unauthorized) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (error.code == ErrorCode::unavailable) response.headers.emplace_back("Retry-After", "2");
  return response;
}

std::string wire_text(const Response& response) {
  std::string text = fmt::format("HTTP/1.1 {} \r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n",
                                 response.status, response.content_type, response.body.size());
  for (const auto& [name, value] : response.headers) text += fmt::format("{}: {}\r\n", name, value);
  return text + "\r\n" + response.body;
}

Adapter::Answer Adapter::answer(Request& request) const {
  Answer answer;
  Result<Response> result = fail(ErrorCode::internal, "no answer");
  try {
    result = dispatch(request, answer.route);
  } catch (const std::exception& error) {
    result = fail(ErrorCode::internal, fmt::format("a defect of moetune: {}", error.what()));
  }
  if (result) {
    answer.response = std::move(*result);
    return answer;
  }
  const std::optional<int> timeout = request.body->timed_out() ? std::optional(408) : std::nullopt;
  answer.response = error_response(result.error(), timeout);
  if (answer.response.status == 500) {
    spdlog::error("{} {} failed: {}", request.method, request.target.substr(0, 200), result.error().message);
  }
  return answer;
}

Result<Response> Adapter::dispatch(Request& request, const Route*& route) const {
  if (auto allowed = app_.access.check(request); !allowed) return std::unexpected(allowed.error());
  auto target = target_from_text(request.target);
  if (!target) return std::unexpected(target.error());
  request.segments = std::move(target->segments);
  request.query = std::move(target->query);
  RouteMatch match = find_route(table_, request.method, request.segments);
  if (match.allowed.empty()) {
    return fail(ErrorCode::not_found, "there is no such route; GET / lists them");
  }
  if (match.route == nullptr) return method_not_allowed(request, match);
  route = match.route;
  request.id = std::move(match.id);
  return call(*route, request);
}

Result<Response> Adapter::call(const Route& route, Request& request) const {
  if (auto known = check_query(route, request.query); !known) return std::unexpected(known.error());
  if (auto body = check_body(route, request); !body) return std::unexpected(body.error());
  auto slot = take_slot(app_, route.load);
  if (!slot) return std::unexpected(slot.error());
  if (route.body == BodyKind::pieces) {
    request.body->set_limits(app_.limits.upload_bytes, app_.limits.body_time, BodyReader::Pace::per_piece);
  } else if (!request.body->empty()) {
    if (auto read = read_json(app_.limits, request); !read) return std::unexpected(read.error());
  }
  auto response = route.handler(app_, request);
  if (response && *slot) response->held = std::move(*slot);
  return response;
}

}  // namespace moetune::daemon::http
