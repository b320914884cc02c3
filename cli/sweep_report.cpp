#include "cli/sweep_report.hpp"

#include <fmt/format.h>

#include "cli/format.hpp"
#include "cli/group_flags.hpp"
#include "cli/query.hpp"
#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using nlohmann::json;

constexpr const char* k_shape_fields[] = {"E", "N", "hidden_size", "topk", "dtype", "act_dtype", "block_shape"};

}  // namespace

json fields_of_rows(const SweepStatus& status) {
  json fields = json::object();
  for (const char* name : k_shape_fields) {
    if (status.spec.contains(name)) fields[name] = json(status.spec[name]);
  }
  if (status.spec.value("act_dtype", "") == "bfloat16") fields.erase("act_dtype");
  for (const auto& [name, usual] :
       {std::pair{"gated", true}, {"per_channel_quant", false}, {"router_weight_on_input", false}}) {
    if (status.spec.value(name, usual) != usual) fields[name] = !usual;
  }
  const bool recorded = !status.spec.value("recording", nlohmann::ordered_json()).is_null();
  if (recorded) fields["origin"] = "recorded";
  if (status.spec.contains("kernel")) fields["kernel"] = json(status.spec["kernel"]);
  if (status.spec.value("l2", "cold") != "cold") fields["l2"] = json(status.spec["l2"]);
  if (status.spec.value("routing", "uniform") != "uniform") fields["routing"] = json(status.spec["routing"]);
  return fields;
}

Table result_table(const std::map<std::int64_t, BatchBest>& bests) {
  Table table({{"batch", Align::right},
               {"default us", Align::right},
               {"chosen config", Align::left},
               {"us", Align::right},
               {"speedup", Align::right},
               {"reason", Align::left}});
  for (const auto& [batch, best] : bests) {
    const Tone tone = best.keeps_default ? Tone::plain : Tone::good;
    const TileRows chosen = tile_rows(best.chosen);
    table.add({std::to_string(batch),
               microseconds_text(best.default_latency_us),
               chosen.tile,
               microseconds_text(best.chosen_latency_us),
               {speedup_text(best.chosen_speedup()), tone},
               {best.reason, Tone::faint}});
    if (chosen.down) table.add({"", "", *chosen.down, "", "", ""});
  }
  return table;
}

std::vector<std::string> seed_lines(const SweepStatus& status) {
  std::vector<std::string> lines;
  for (const auto& share : status.seeded_by) {
    lines.push_back(fmt::format(
        "{} candidates from {} (set {}){}", share.candidates, printable(share.name), share.set,
        share.left_out == 0 ? "" : fmt::format("; {} rows left out, which do not run here", share.left_out)));
  }
  for (const auto& [problem, candidates] : status.neighbours) {
    lines.push_back(fmt::format("{} candidates that were the best of {}", candidates, problem));
  }
  for (const auto& warning : status.warnings) lines.push_back(fmt::format("warning: {}", printable(warning)));
  return lines;
}

Query query_of_fields(const json& fields) {
  Query query;
  for (const auto& word : split("E N hidden_size topk dtype act_dtype block_shape gated per_channel_quant "
                                "router_weight_on_input kernel l2 routing origin",
                                ' ')) {
    if (fields.contains(word)) query.add(word, flag_value_text(fields[word]));
  }
  return query;
}

std::vector<std::string> next_steps(const json& fields, const std::string& prefix, const Endpoint& endpoint) {
  const bool recorded = fields.value("origin", "") == "recorded";
  const Query query = query_of_fields(fields);
  // A file steers its engine's own kernel; vllm's format is the one that needs no word.
  const std::string format = fields.value("kernel", "") == "sglang" ? " --format sglang" : "";
  const std::string token = endpoint.token.empty() ? "" : "-H \"Authorization: Bearer $MOETUNE_TOKEN\" ";
  return {fmt::format("{} export {}{}{}", prefix, fmt::join(flags_of(fields), " "), format,
                      recorded ? " --allow-recorded" : ""),
          fmt::format("curl {}'{}/best{}'", token, endpoint.url, query.text())};
}

}  // namespace moetune::cli
