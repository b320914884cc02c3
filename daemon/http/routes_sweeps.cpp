#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "daemon/comparison_answer.hpp"
#include "daemon/http/app.hpp"
#include "daemon/http/connection.hpp"
#include "daemon/http/parameters.hpp"
#include "daemon/http/routes.hpp"
#include "daemon/sweep_control.hpp"
#include "schema/strict_json.hpp"
#include "schema/sweep_spec.hpp"

namespace moetune::daemon::http {

using schema::Result;
using std::chrono::milliseconds;

namespace {

/// How soon an event stream notices that its client is gone or the server stops.
constexpr milliseconds k_attention{250};

using Action = Result<nlohmann::ordered_json> (SweepControl::*)(std::int64_t);

Result<Response> steer(App& app, Request& request, Action action) {
  const auto id = sweep_id(request);
  if (!id) return std::unexpected(id.error());
  if (auto empty = check_empty_body(request); !empty) return std::unexpected(empty.error());
  auto sweep = (app.services.sweeps.*action)(*id);
  if (!sweep) return std::unexpected(sweep.error());
  return json_response(*sweep);
}

std::string event_text(std::string_view name, std::string_view data) {
  return fmt::format("event: {}\ndata: {}\n\n", name, data);
}

/// Passes a sweep's events on until it has ended, the client has left or the server stops.
bool send_events(Sink& sink, EventStream& events, milliseconds heartbeat) {
  auto quiet_since = Clock::now();
  while (sink.wanted()) {
    const auto news = events.next(std::min(k_attention, heartbeat));
    if (!news) return true;
    std::string text;
    for (const SweepEvent& event : *news) text += event_text(event.name, event.data);
    // A comment now and then: proxies and clients take a silent connection for a dead one.
    if (text.empty() && Clock::now() - quiet_since >= heartbeat) text = ": nothing new\n\n";
    if (text.empty()) continue;
    if (!sink.write(text)) return false;
    quiet_since = Clock::now();
  }
  return true;
}

}  // namespace

Result<Response> post_sweep(App& app, Request& request) {
  const auto spec = schema::sweep_spec_from_json(request.json);
  if (!spec) return std::unexpected(spec.error());
  const auto id = app.services.sweeps.create(*spec);
  if (!id) return std::unexpected(id.error());
  Response response = json_response({{"id", *id}}, 202);
  response.headers.emplace_back("Location", fmt::format("/sweeps/{}", *id));
  return response;
}

Result<Response> get_sweeps(App& app, Request& request) {
  const auto page = page_of(request.query);
  if (!page) return std::unexpected(page.error());
  auto sweeps = app.services.sweeps.list(page->after, page->limit);
  if (!sweeps) return std::unexpected(sweeps.error());
  return json_response(page_body(std::move(sweeps->items), sweeps->next));
}

Result<Response> get_sweep(App& app, Request& request) {
  const auto id = sweep_id(request);
  if (!id) return std::unexpected(id.error());
  auto sweep = app.services.sweeps.show(*id);
  if (!sweep) return std::unexpected(sweep.error());
  return json_response(*sweep);
}

Result<Response> pause_sweep(App& app, Request& request) {
  return steer(app, request, &SweepControl::pause);
}
Result<Response> resume_sweep(App& app, Request& request) {
  return steer(app, request, &SweepControl::resume);
}
Result<Response> cancel_sweep(App& app, Request& request) {
  return steer(app, request, &SweepControl::cancel);
}
Result<Response> discard_sweep(App& app, Request& request) {
  return steer(app, request, &SweepControl::discard);
}

Result<Response> get_sweep_events(App& app, Request& request) {
  const auto id = sweep_id(request);
  if (!id) return std::unexpected(id.error());
  // Subscribed before it is looked at, so that nothing falls between the two.
  auto events = app.services.sweeps.events(*id);
  if (!events) return std::unexpected(events.error());
  const auto sweep = app.services.sweeps.show(*id);
  if (!sweep) return std::unexpected(sweep.error());
  const auto state = schema::sweep_state_from_name(sweep->value("state", ""));
  const bool over = state && schema::is_final(*state);
  Response response;
  response.content_type = "text/event-stream";
  response.stream = [over, first = event_text("state", sweep->dump()), heartbeat = app.limits.heartbeat,
                     stream = std::shared_ptr<EventStream>(std::move(*events))](Sink& sink) {
    return sink.write(first) && (over || send_events(sink, *stream, heartbeat));
  };
  return response;
}

Result<Response> get_sweep_comparison(App& app, Request& request) {
  const auto id = sweep_id(request);
  if (!id) return std::unexpected(id.error());
  auto answer = comparison_answer(app.services.database, *id);
  if (!answer) return std::unexpected(answer.error());
  return json_response(*answer);
}

}  // namespace moetune::daemon::http
