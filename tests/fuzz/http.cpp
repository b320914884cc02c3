#include <memory>
#include <string>
#include <string_view>

#include "schema/strict_json.hpp"
#include "schema/trial.hpp"
#include "tests/fuzz/demand.hpp"
#include "tests/fuzz/http_answer.hpp"
#include "tests/fuzz/http_daemon.hpp"
#include "tests/fuzz/target.hpp"

namespace moetune::fuzz {
namespace {

constexpr int k_inputs_per_daemon = 1000;
constexpr std::size_t k_longest_input = 64 << 10;

/// Made anew now and then, so that what inputs store does not pile up.
HttpDaemon& current_daemon() {
  static std::unique_ptr<HttpDaemon> daemon;
  static int inputs = 0;
  if (!daemon || ++inputs == k_inputs_per_daemon) {
    daemon.reset();
    daemon = std::make_unique<HttpDaemon>();
    inputs = 0;
  }
  return *daemon;
}

void demand_error_body(const nlohmann::json& body) {
  const auto error = body.find("error");
  demand(error != body.end() && error->is_object(), "an error has a body that says so");
  demand(error->value("code", "") != "" && error->value("message", "") != "", "an error has a code and a message");
  demand(error->contains("detail") && (*error)["detail"].is_object(), "an error has a detail");
}

void demand_rows(std::string_view lines) {
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    demand(end != std::string_view::npos, "every row has a line of its own");
    const auto trial = schema::trial_from_line(lines.substr(0, end));
    demand(trial.has_value(), trial ? "" : "a row of an answer is refused: " + trial.error().message);
    lines.remove_prefix(end + 1);
  }
}

void demand_sound(const HttpAnswer& answer) {
  demand(answer.status == 100 || (answer.status >= 200 && answer.status < 500),
         "nothing that a client sends is a fault");
  if (answer.status == 100) return;
  const std::string type = answer.headers.contains("content-type") ? answer.headers.at("content-type") : "";
  demand(answer.body.empty() || !type.empty(), "a body has a type");
  if (type == "application/x-ndjson") demand_rows(answer.body);
  if (type != "application/json") return;
  const auto body = schema::parse_json(answer.body, "answer", 64);
  demand(body.has_value(), body ? "" : body.error().message);
  if (answer.status >= 400) demand_error_body(*body);
}

}  // namespace

/// All that one client sends over one connection.
void try_input(std::string_view input) {
  input = input.substr(0, k_longest_input);
  const std::string answers = current_daemon().exchange(input);
  const bool may_lack_bodies = input.find("HEAD") != std::string_view::npos;
  std::string_view rest = answers;
  while (!rest.empty()) {
    const auto answer = take_answer(rest, !may_lack_bodies);
    if (may_lack_bodies) return;
    demand_sound(answer);
  }
}

}  // namespace moetune::fuzz
