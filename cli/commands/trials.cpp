#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/command.hpp"
#include "cli/group_flags.hpp"
#include "schema/trial.hpp"

namespace moetune::cli {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

struct TrialFlags {
  GroupFlags group;
  std::string batch, status, sweep;
  std::string format = "jsonl";
  bool discarded = false;
};

Result<Query> trial_query(const TrialFlags& flags) {
  auto query = flags.group.query();
  if (!query) return query;
  if (!flags.batch.empty()) {
    const auto batch = schema::integer_from_text("--batch", flags.batch, 1, schema::k_max_batch);
    if (!batch) return std::unexpected(batch.error());
    query->add("batch", flags.batch);
  }
  if (flags.sweep.size() > schema::k_max_label) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--sweep must be a number or a label of at most {} bytes", schema::k_max_label));
  }
  if (!flags.sweep.empty()) query->add("sweep", flags.sweep);
  if (!flags.status.empty()) {
    const auto status = schema::trial_status_from_name(flags.status);
    if (!status) return fail(status.error().code, fmt::format("--status: {}", status.error().message));
    query->add("status", flags.status);
  }
  if (flags.format != "jsonl" && flags.format != "csv") {
    return fail(ErrorCode::invalid_argument, fmt::format("--format must be jsonl or csv, not \"{}\"", flags.format));
  }
  if (flags.discarded) query->add("discarded", "1");
  query->add("format", flags.format);
  return query;
}

Result<ExitStatus> print_trials(Context& context, const TrialFlags& flags) {
  const auto query = trial_query(flags);
  if (!query) return std::unexpected(query.error());
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto streamed =
      client->stream("/trials", *query, [&](std::string_view piece) { return context.out.write(piece); });
  if (!streamed) return std::unexpected(streamed.error());
  return ExitStatus::done;
}

}  // namespace

void add_trials(CommandLine& line) {
  const auto flags = std::make_shared<TrialFlags>();
  CLI::App& command = add_command(line, line.app, "trials", "Print every row that matches, oldest first",
                                  "  moetune trials -E 256 -N 512 --status compiler_crash\n"
                                  "  moetune trials --sweep 3 --format csv > trials.csv",
                                  [flags](Context& context) { return print_trials(context, *flags); });
  flags->group.add_to(command, GroupFlags::Shape::optional);
  command.add_option("--batch", flags->batch, "only rows of this number of tokens")->type_name("M");
  command.add_option("--status", flags->status, "only rows with this outcome, e.g. ok, compile_error, wrong_result")
      ->type_name("NAME");
  command.add_option("--sweep", flags->sweep, "only rows of this sweep: its number here, or its label in the rows")
      ->type_name("ID");
  command.add_flag("--discarded", flags->discarded, "rows of discarded sweeps too");
  command.add_option("--format", flags->format, "jsonl (default) or csv")->type_name("NAME");
}

}  // namespace moetune::cli
