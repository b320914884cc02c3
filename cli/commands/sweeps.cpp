#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/command.hpp"
#include "cli/commands/follow.hpp"
#include "cli/format.hpp"
#include "cli/progress_frame.hpp"
#include "cli/sweep_report.hpp"
#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::Result;

constexpr std::size_t k_whole = 10'000;  // columns: what no terminal shows is not cut

Result<ExitStatus> list_sweeps(Context& context) {
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto items = client->list("/sweeps");
  if (!items) return std::unexpected(items.error());
  if (context.options.json) {
    context.print(ordered_json{{"items", *items}, {"next", nullptr}});
    return ExitStatus::done;
  }
  Table table({{"id", Align::right},
               {"state", Align::left},
               {"trials", Align::right},
               {"ETA", Align::right},
               {"started", Align::left},
               {"kernel", Align::left},
               {"problem", Align::left}});
  for (const auto& item : *items) {
    const auto status = sweep_status_from_json(item);
    if (!status) return std::unexpected(status.error());
    table.add({std::to_string(status->id),
               fmt::format("{}{}", schema::name_of(status->state), status->discarded ? ", discarded" : ""),
               fmt::format("{}/{}", status->done, status->total), duration_text(status->eta_s),
               status->started_at.value_or("-"), status->spec.value("kernel", std::string("-")),
               problem_text(status->spec)});
  }
  if (table.empty()) {
    context.out.line("no sweeps yet; start one with moetune tune");
  } else {
    context.print(table);
  }
  return ExitStatus::done;
}

Result<ExitStatus> show_sweep(Context& context, const std::string& id_text, bool follow) {
  const auto id = sweep_id(id_text);
  if (!id) return std::unexpected(id.error());
  auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  if (follow) return follow_and_report(context, std::move(*client), *id);
  const auto answer = client->get(fmt::format("/sweeps/{}", *id));
  if (!answer) return std::unexpected(answer.error());
  if (context.options.json) {
    context.print(*answer);
    return ExitStatus::done;
  }
  const auto status = sweep_status_from_json(*answer);
  if (!status) return std::unexpected(status.error());
  FrameView view{context.out_size(), context.out_traits, std::nullopt, ""};
  if (!context.out_traits.interactive) view.size.columns = k_whole;
  for (const auto& line : summary_frame(*status, view)) context.out.line(line);
  for (const auto& line : seed_lines(*status)) context.say("  " + line);
  if (status->error) context.say(fmt::format("error: {}", printable_lines(*status->error)));
  if (!status->best.empty()) context.print(result_table(status->best));
  return ExitStatus::done;
}

}  // namespace

void add_sweeps(CommandLine& line) {
  add_command(line, line.app, "sweeps", "List the sweeps", "  moetune sweeps\n  moetune sweeps --json", list_sweeps);
}

void add_sweep(CommandLine& line) {
  struct Flags {
    std::string id;
    bool follow = false;
  };
  const auto flags = std::make_shared<Flags>();
  CLI::App& command = add_command(line, line.app, "sweep", "Show a sweep, or follow it to its end",
                                  "  moetune sweep 3\n  moetune sweep 3 --follow",
                                  [flags](Context& context) { return show_sweep(context, flags->id, flags->follow); });
  command.add_option("ID", flags->id, "number of the sweep, see moetune sweeps")->required()->type_name("");
  command.add_flag("--follow,-f", flags->follow, "show its progress until it ends; Ctrl-C leaves, the sweep goes on");
}

}  // namespace moetune::cli
