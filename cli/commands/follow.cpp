#include "cli/commands/follow.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/format.hpp"
#include "cli/progress_display.hpp"
#include "cli/sweep_follower.hpp"
#include "cli/sweep_report.hpp"
#include "cli/text.hpp"
#include "schema/group.hpp"
#include "schema/timestamp.hpp"

namespace moetune::cli {
namespace {

using schema::ErrorCode;
using schema::Result;
using schema::SweepState;

void say_how_to_go_on(Context& context, std::int64_t id) {
  context.err.line(fmt::format("detached; sweep {} goes on", id));
  context.err.line(fmt::format("  follow: {}", context.command_line(fmt::format("sweep {} --follow", id))));
  context.err.line(fmt::format("  pause, resume: {}", context.command_line(fmt::format("pause {}", id))) +
                   fmt::format("; {}", context.command_line(fmt::format("resume {}", id))));
  context.err.line(fmt::format("  cancel: {}", context.command_line(fmt::format("cancel {}", id))));
}

std::string time_taken(const SweepStatus& status) {
  if (!status.started_at || !status.finished_at) return "";
  const auto start = schema::timestamp_from_text(*status.started_at);
  const auto end = schema::timestamp_from_text(*status.finished_at);
  if (!start || !end) return "";
  return fmt::format(" in {}", duration_text(static_cast<double>(end->ms - start->ms) / 1000));
}

/// Whether the rows of a sweep make a file that is worth it, with those of earlier sweeps: said where the file is for
/// more batches than this sweep was asked for. Where several groups match it is not known which is meant.
std::optional<std::string> verdict_on(const Client& client, const SweepStatus& status, const nlohmann::json& fields,
                                      const KernelShare& share) {
  Query query = query_of_fields(fields);
  if (!share.put(query)) return std::nullopt;
  const auto answer = client.get("/best", query);
  if (!answer || !answer->is_object()) return std::nullopt;
  const auto results = answer->value("results", nlohmann::ordered_json());
  if (!results.is_array() || results.size() != 1 || !results[0].contains("verdict")) return std::nullopt;
  const auto& verdict = results[0]["verdict"];
  const auto asked = status.spec.value("batch", std::vector<std::int64_t>());
  const bool has_more = !asked.empty() && verdict.value("batches", std::size_t{0}) > asked.size();
  return (has_more ? "with all rows of this problem: " : "") + printable(verdict.value("text", std::string()));
}

/// The batches that the sweep was asked for. It may have measured others between them.
std::map<std::int64_t, BatchBest> asked_for(const SweepStatus& status) {
  const auto asked = status.spec.value("batch", std::vector<std::int64_t>());
  auto best = status.best;
  if (!asked.empty()) {
    std::erase_if(best, [&](const auto& entry) { return std::ranges::find(asked, entry.first) == asked.end(); });
  }
  return best;
}

void report(Context& context, const SweepStatus& status, const Client& client, const KernelShare& share) {
  context.out.line(fmt::format("sweep {} {}{}: {} of {} trials", status.id, schema::name_of(status.state),
                               time_taken(status), status.done, status.total));
  for (const auto& line : seed_lines(status)) context.say("  " + line);
  const auto best = asked_for(status);
  if (!best.empty()) context.print(result_table(best));
  if (const auto more = status.best.size() - best.size(); more > 0) {
    context.say(fmt::format("{} more M were measured between these batches, to place the keys of a file", more));
  }
  if (status.state != SweepState::done || status.best.empty()) return;
  const auto fields = fields_of_rows(status);
  if (status.spec.value("candidates", nlohmann::ordered_json()).empty()) {
    if (const auto verdict = verdict_on(client, status, fields, share)) context.say(*verdict);
  }
  context.out.line("\nnext:");
  for (const auto& step : next_steps(fields, command_prefix(context.options), client.endpoint()))
    context.out.line("  " + step);
}

}  // namespace

Result<std::int64_t> sweep_id(const std::string& text) {
  return schema::integer_from_text("the id of a sweep", text, 1, std::int64_t{1} << 53);
}

Result<Followed> follow(Context& context, Client client, std::int64_t id) {
  const auto display = make_progress_display(context.err, context.err_traits, context.err_size);
  SweepFollower follower(context.connector, std::move(client), id, *display);
  auto outcome = follower.follow();
  if (!outcome) {
    display->leave();
    if (outcome.error().code == ErrorCode::unavailable) {
      outcome.error().detail["try"] = {context.command_line(fmt::format("sweep {} --follow", id))};
    }
    return std::unexpected(outcome.error());
  }
  const bool detached = outcome->end == SweepFollower::End::detached;
  if (detached) say_how_to_go_on(context, id);
  const bool well = detached || outcome->status.state == SweepState::done;
  return Followed{well ? ExitStatus::done : ExitStatus::failed, detached, std::move(outcome->status),
                  std::move(outcome->answer), follower.client()};
}

void print_report(Context& context, const Followed& followed, const KernelShare& share) {
  const SweepStatus& sweep = followed.sweep;
  if (!context.options.json) report(context, sweep, followed.client, share);
  if (sweep.state == SweepState::failed) {
    context.err.line(fmt::format("moetune: sweep {} failed: {}", sweep.id,
                                 printable_lines(sweep.error.value_or("the daemon's log says why"))));
  }
}

Result<ExitStatus> follow_and_report(Context& context, Client client, std::int64_t id, const KernelShare& share) {
  const auto followed = follow(context, std::move(client), id);
  if (!followed) return std::unexpected(followed.error());
  if (context.options.json) context.print(followed->answer);
  if (!followed->detached) print_report(context, *followed, share);
  return followed->status;
}

}  // namespace moetune::cli
