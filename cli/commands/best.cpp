#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/command.hpp"
#include "cli/format.hpp"
#include "cli/group_flags.hpp"
#include "cli/guarantee_report.hpp"
#include "cli/kernel_share.hpp"
#include "cli/sweep_status.hpp"
#include "cli/text.hpp"
#include "schema/group.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

struct BestFlags {
  GroupFlags group;
  std::string batch;
  std::string traffic;
  KernelShare share;
};

/// The fields that all rows of a group share, in one or two lines.
std::vector<std::string> group_heading(const ordered_json& group) {
  const auto text = [&](const char* name) { return printable(group.value(name, std::string("-"))); };
  return {fmt::format("{}  {}  {}", text("device"), problem_text(group), text("act_dtype")),
          fmt::format("kernel {} ({:.12})  {}  l2 {}  routing {}  {}", text("kernel"), text("kernel_digest"),
                      text("compiler"), text("l2"), text("routing"), text("origin"))};
}

/// Two tiles beside each other are too wide for many terminals: on those the chosen one stands before its reason.
Table best_table(const std::map<std::int64_t, BatchBest>& bests, bool narrow) {
  Table table({{"batch", Align::right},
               {"best config", Align::left},
               {"us", Align::right},
               {"default us", Align::right},
               {"speedup", Align::right},
               {"samples", Align::right},
               {"chosen", Align::left},
               {"reason", Align::left}});
  for (const auto& [batch, best] : bests) {
    const TileRows config = tile_rows(best.config);
    const bool is_best = best.chosen == best.config;
    const std::string other = best.chosen && !best.config->down ? tile_rows(best.chosen).tile : "-";
    const bool is_other = !is_best && !best.keeps_default && other != "-";
    const std::string chosen = is_best              ? "best"
                               : best.keeps_default ? "default"
                               : narrow && is_other ? "another"
                                                    : other;
    const std::string reason = narrow && is_other ? fmt::format("{}: {}", other, best.reason) : best.reason;
    table.add({std::to_string(batch),
               config.tile,
               microseconds_text(best.latency_us),
               microseconds_text(best.default_latency_us),
               speedup_text(best.speedup),
               std::to_string(best.samples),
               {chosen, is_best ? Tone::good : Tone::plain},
               {reason, Tone::faint}});
    if (config.down) table.add({"", *config.down, "", "", "", "", "", ""});
  }
  return table;
}

/// The rows of the table are the fastest of all sweeps; one of them decides what is chosen.
void print_sweeps(Context& context, const std::map<std::int64_t, BatchBest>& bests) {
  using Sweeps = std::pair<std::string, std::string>;
  std::map<Sweeps, std::vector<std::int64_t>> batches_of;
  for (const auto& [batch, best] : bests) {
    if (best.sweep == best.decided_by) continue;
    const Sweeps sweeps{best.sweep.value_or("an import"), best.decided_by.value_or("an import")};
    batches_of[sweeps].push_back(batch);
  }
  constexpr std::size_t k_most = 12;
  for (const auto& [sweeps, batches] : batches_of) {
    context.say(fmt::format("batch{} {}: the best row is of {}, what is chosen is decided by {}",
                            batches.size() == 1 ? "" : "es", some_of(batches, k_most), printable(sweeps.first),
                            printable(sweeps.second)));
  }
}

/// What all of that is worth under the traffic that the daemon knows.
void print_gain(Context& context, const ordered_json& gain) {
  if (!gain.is_object()) return;
  const auto worth = gain.value("worth_it", ordered_json());
  context.say(
      fmt::format("under traffic {} ({}): {}", gain.value("id", std::int64_t{0}),
                  printable(gain.value("name", std::string())), printable(gain.value("verdict", std::string()))),
      worth == true ? Tone::good : Tone::plain);
}

/// The measured M that are no keys of the file.
void print_between(Context& context, const ordered_json& between) {
  if (!between.is_object() || between.empty()) return;
  std::vector<std::int64_t> batches;
  for (const auto& [name, entry] : between.items()) {
    if (const auto batch = schema::integer_from_text("batch", name, 1, schema::k_max_batch)) batches.push_back(*batch);
  }
  constexpr std::size_t k_most = 12;
  context.say(
      fmt::format("{} more M were measured, which the nearest of these keys serve: {} "
                  "(moetune export --guarantee tells the worst)",
                  batches.size(), some_of(batches, k_most)));
}

void print_unfinished(Context& context, const ordered_json& sweeps) {
  if (!sweeps.is_array() || sweeps.empty()) return;
  std::vector<std::string> ids;
  for (const auto& id : sweeps) ids.push_back(id.dump());
  context.say(fmt::format("has rows of sweeps that are not done ({}): this may change", fmt::join(ids, ", ")),
              Tone::warning);
}

/// Whether the file is worth it, and what is not known.
void print_verdict(Context& context, const ordered_json& verdict) {
  if (!verdict.is_object()) return;
  context.say(printable(verdict.value("text", std::string())),
              verdict.value("worth_it", ordered_json()) == true ? Tone::good : Tone::plain);
}

Result<void> print_groups(Context& context, const ordered_json& answer) {
  const auto results = answer.is_object() ? answer.value("results", ordered_json()) : ordered_json();
  if (!results.is_array()) return fail(ErrorCode::data_damaged, "the daemon's answer to /best has no results");
  bool first = true;
  for (const auto& group : results) {
    const auto bests = batch_bests_from_json(group.value("configs", ordered_json::object()));
    if (!bests) return std::unexpected(bests.error());
    if (!first) context.out.line("");
    first = false;
    for (const auto& line : group_heading(group)) context.say(line, Tone::accent);
    const std::size_t columns = context.out_traits.interactive ? context.out_size().columns : 0;
    auto table = best_table(*bests, false);
    context.print(table.is_beside(columns) ? table : best_table(*bests, true));
    print_sweeps(context, *bests);
    print_unfinished(context, group.value("unfinished", ordered_json()));
    print_between(context, group.value("between", ordered_json()));
    print_gain(context, group.value("traffic", ordered_json()));
    print_verdict(context, group.value("verdict", ordered_json()));
  }
  return {};
}

Result<ExitStatus> show_best(Context& context, const BestFlags& flags) {
  auto query = flags.group.query();
  if (!query) return std::unexpected(query.error());
  if (!flags.batch.empty()) {
    const auto batch = schema::integer_from_text("--batch", flags.batch, 1, schema::k_max_batch);
    if (!batch) return std::unexpected(batch.error());
    query->add("batch", flags.batch);
  }
  if (!flags.traffic.empty()) {
    const auto id = schema::integer_from_text("--traffic", flags.traffic, 1, std::int64_t{1} << 53);
    if (!id) return std::unexpected(id.error());
    query->add("traffic", flags.traffic);
  }
  if (auto put = flags.share.put(*query); !put) return std::unexpected(put.error());
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto answer = client->get("/best", *query);
  if (!answer) return std::unexpected(answer.error());
  if (context.options.json) {
    context.print(*answer);
  } else if (auto printed = print_groups(context, *answer); !printed) {
    return std::unexpected(printed.error());
  }
  return ExitStatus::done;
}

}  // namespace

void add_best(CommandLine& line) {
  const auto flags = std::make_shared<BestFlags>();
  CLI::App& command =
      add_command(line, line.app, "best", "Show the best and the chosen configuration of each batch, and the gain",
                  "  moetune best -E 256 -N 512\n  moetune best -E 256 -N 512 --dtype fp8_w8a8 --batch 7 --json",
                  [flags](Context& context) { return show_best(context, *flags); });
  flags->group.add_to(command, GroupFlags::Shape::required);
  command.add_option("--batch", flags->batch, "only the entry that an engine takes for this many tokens (nearest key)")
      ->type_name("M");
  command
      .add_option("--traffic", flags->traffic, "the import of traffic that the gain is told for (default: the newest)")
      ->type_name("ID");
  flags->share.add_to(command);
}

}  // namespace moetune::cli
