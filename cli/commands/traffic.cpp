#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/command.hpp"
#include "cli/text.hpp"
#include "cli/traffic_file.hpp"
#include "cli/traffic_table.hpp"
#include "schema/group.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::Result;

std::string text_at(const ordered_json& item, const char* name) {
  const auto value = item.value(name, ordered_json());
  return value.is_string() ? printable(value.get<std::string>()) : "-";
}

std::int64_t number_at(const ordered_json& item, const char* name) {
  return item.value(name, std::int64_t{0});
}

/// Says what was read, and what else was in the file.
void report_import(Context& context, const std::vector<schema::Traffic>& found, const ordered_json& answer) {
  const auto& taken = found.front();
  context.out.line(fmt::format("traffic {}: {} steps of {} different sizes, from {} lines of {} in {}",
                               number_at(answer, "id"), taken.steps(), taken.batches.size(), taken.lines,
                               name_of(taken.source), taken.name));
  if (const auto caution = caution_of(taken.source); !caution.empty()) {
    context.out.line(fmt::format("note: {}", caution));
  }
  for (std::size_t i = 1; i < found.size(); ++i) {
    context.err.line(fmt::format("{} lines of {} are left aside: they tell of the same steps", found[i].lines,
                                 name_of(found[i].source)));
  }
}

Result<ExitStatus> import_traffic(Context& context, const std::string& path) {
  const auto found = read_traffic(path);
  if (!found) return std::unexpected(found.error());
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto answer = client->post("/traffic", to_json(found->front()));
  if (!answer) return std::unexpected(answer.error());
  if (context.options.json) {
    context.print(*answer);
  } else {
    report_import(context, *found, *answer);
  }
  return ExitStatus::done;
}

Result<ExitStatus> show_traffic(Context& context, const std::string& id) {
  Query query;
  if (!id.empty()) {
    const auto number = schema::integer_from_text("--id", id, 1, std::int64_t{1} << 53);
    if (!number) return std::unexpected(number.error());
    query.add("id", id);
  }
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto answer = client->get("/traffic", query);
  if (!answer) return std::unexpected(answer.error());
  if (context.options.json) {
    context.print(*answer);
    return ExitStatus::done;
  }
  const auto table = traffic_table(*answer);
  if (!table) return std::unexpected(table.error());
  context.out.line(fmt::format("traffic {}: {} steps, {} lines of {} in {}, imported {}", number_at(*answer, "id"),
                               number_at(*answer, "steps"), number_at(*answer, "lines"), text_at(*answer, "source"),
                               text_at(*answer, "name"), text_at(*answer, "imported_at")));
  if (const auto note = text_at(*answer, "note"); note != "-") context.out.line(fmt::format("note: {}", note));
  context.print(*table);
  for (const auto& other : answer->value("imports", ordered_json::array())) {
    if (number_at(other, "id") == number_at(*answer, "id")) continue;
    context.out.line(fmt::format("also imported: {} ({}, {} steps, {})", number_at(other, "id"), text_at(other, "name"),
                                 number_at(other, "steps"), text_at(other, "imported_at")));
  }
  return ExitStatus::done;
}

}  // namespace

void add_traffic(CommandLine& line) {
  CLI::App& traffic =
      add_family(line, "traffic", "Take in which numbers of tokens an engine's steps have, and show them",
                 "  moetune traffic import server.log\n  moetune traffic show");
  const auto path = std::make_shared<std::string>();
  add_command(line, traffic, "import", "Read the tokens of steps from a log or the metrics of vLLM",
              "  moetune traffic import server.log\n  curl -s localhost:8000/metrics | moetune traffic import -",
              [path](Context& context) { return import_traffic(context, *path); })
      .add_option(
          "FILE", *path,
          "a log with VLLM_LOG_BATCHSIZE_INTERVAL, --cudagraph-metrics or --enable-logging-iteration-details, or "
          "the answer of /metrics; - for stdin")
      ->required()
      ->type_name("");
  const auto id = std::make_shared<std::string>();
  add_command(line, traffic, "show", "Show which numbers of tokens take how much of the time",
              "  moetune traffic show\n  moetune traffic show --id 2 --json",
              [id](Context& context) { return show_traffic(context, *id); })
      .add_option("--id", *id, "an earlier import (default: the newest)")
      ->type_name("ID");
}

}  // namespace moetune::cli
