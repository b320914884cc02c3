#include "cli/report/evidence.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/guarantee_report.hpp"
#include "cli/report/batch_rows.hpp"
#include "cli/text.hpp"
#include "schema/choice_rule.hpp"
#include "schema/engine_rules.hpp"
#include "schema/rounds.hpp"
#include "schema/trial.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;
using schema::TileConfig;

/// The one group that the flags and the engine leave. `filter` is what was asked.
Result<ordered_json> only_group(const Client& client, const Query& filter, bool allow_recorded) {
  auto answer = client.get("/best", filter);
  if (!answer && answer.error().code == ErrorCode::not_found && !allow_recorded) {
    auto error = answer.error();
    error.message += " (rows that come from a recording are taken with --allow-recorded)";
    return std::unexpected(std::move(error));
  }
  if (!answer) return std::unexpected(answer.error());
  auto groups = answer->is_object() ? answer->value("results", ordered_json()) : ordered_json();
  if (!groups.is_array() || groups.empty() || !groups[0].is_object() || !groups[0].contains("configs")) {
    return fail(ErrorCode::data_damaged, "the daemon's answer to /best has no results");
  }
  // What is said of a file as a whole is no field that tells groups apart.
  for (auto& group : groups) {
    if (!group.is_object()) continue;
    for (const char* name : {"traffic", "between", "unfinished"}) group.erase(name);
  }
  if (groups.size() == 1) return groups[0];
  std::vector<std::string> choices;
  for (const auto& field : differing_fields(groups)) {
    if (field == "configs" || field == "verdict") continue;
    std::set<std::string> values;
    for (const auto& group : groups) {
      for (const auto& word : flag_of(field, group.value(field, ordered_json()))) values.insert(word);
    }
    choices.push_back(fmt::format("{}", fmt::join(values, " ")));
  }
  return fail(ErrorCode::conflict, fmt::format("{} groups have such rows, and a report is about one: choose with {}",
                                               groups.size(), fmt::join(choices, "; ")));
}

/// A query for exactly this group.
Query query_of(const ordered_json& group) {
  Query query;
  for (const auto& [name, value] : group.items()) {
    if (name != "configs" && name != "verdict") query.add(name, flag_value_text(value));
  }
  return query;
}

/// The row that a latency in an answer stands for: of that configuration, and of that median.
const schema::Trial* row_of(const std::vector<schema::Trial>& rows, const std::optional<TileConfig>& config,
                            std::optional<double> latency_us) {
  const auto found = std::ranges::find_if(
      rows, [&](const auto& row) { return config && row.config == *config && row.latency_us == latency_us; });
  return found == rows.end() ? nullptr : &*found;
}

void note(Evidence& evidence, const schema::Trial& row) {
  evidence.archs.insert(row.arch);
  if (row.driver) evidence.drivers.insert(*row.driver);
  if (row.gpu_uuid) evidence.gpus.insert(*row.gpu_uuid);
  if (row.sweep) evidence.sweeps.insert(*row.sweep);
  if (row.throttle) evidence.throttle.insert(*row.throttle);
  if (row.sm_clock_mhz) evidence.clocks_mhz.insert(*row.sm_clock_mhz);
  if (row.tool_version) evidence.tool_versions.insert(*row.tool_version);
  evidence.first_measured_at = std::min(evidence.first_measured_at.value_or(row.measured_at), row.measured_at);
  evidence.last_measured_at = std::max(evidence.last_measured_at.value_or(row.measured_at), row.measured_at);
}

/// The answer tells the default's configuration only where the file keeps it; else it is a row with the default's
/// latency, of several the one that is vLLM's default.
const schema::Trial* default_row(const std::vector<schema::Trial>& rows, const BatchBest& best) {
  if (best.keeps_default) return row_of(rows, best.chosen, best.default_latency_us);
  const schema::Trial* found = nullptr;
  for (const auto& row : rows) {
    if (!row.latency_us || row.latency_us != best.default_latency_us) continue;
    const auto& problem = row.group.problem;
    const bool is_default = row.config == schema::effective_config(problem, schema::default_config(problem, row.batch));
    if (found == nullptr || is_default) found = &row;
  }
  return found;
}

Result<BatchEvidence> evidence_of(const Client& client, const Query& filter, std::int64_t batch, BatchBest best,
                                  Evidence& evidence) {
  BatchEvidence found;
  found.best = std::move(best);
  const auto rows = ok_rows(client, filter, batch);
  if (!rows) return std::unexpected(rows.error());
  if (const auto* chosen = row_of(*rows, found.best.chosen, found.best.chosen_latency_us)) {
    found.chosen_samples_us = chosen->samples_us;
    note(evidence, *chosen);
  }
  if (const auto* standard = default_row(*rows, found.best)) {
    found.default_config = standard->config;
    found.default_samples_us = standard->samples_us;
    note(evidence, *standard);
  }
  return found;
}

Result<void> name_files(const Client& client, const EvidenceRequest& request, Query query, Evidence& evidence) {
  query.add("format", std::string(name_of(evidence.engine)));
  if (request.allow_recorded) query.add("allow_recorded", "1");
  const auto file = client.attachment("/export", query);
  if (!file) return std::unexpected(file.error());
  evidence.file = file->name;
  if (evidence.engine != schema::EngineFormat::sglang) return {};
  query.add("gemm", "down");
  const auto down = client.attachment("/export", query);
  if (!down) return std::unexpected(down.error());
  if (down->bytes != file->bytes) evidence.down_file = down->name;
  return {};
}

Result<void> add_guarantee(const Client& client, const EvidenceRequest& request, Query query, Evidence& evidence) {
  query.add("format", std::string(name_of(evidence.engine)));
  if (request.allow_recorded) query.add("allow_recorded", "1");
  const auto answer = client.get("/guarantee", query);
  if (!answer) return std::unexpected(answer.error());
  auto report = guarantee_report(*answer);
  if (!report) return std::unexpected(report.error());
  evidence.guarantee = std::move(report->lines);
  evidence.measured = std::move(report->measured);
  return {};
}

/// The verdict in words for readers elsewhere: without the gain under one user's own traffic, which also decides the
/// daemon's own text, and without advice on the next command. Empty where nothing was compared with the default.
std::string public_verdict(const ordered_json& verdict) {
  const auto gain = verdict.value("gain", ordered_json());
  if (!gain.is_number()) return "";
  const double least = schema::Rounds{}.min_gain;
  const auto compared = verdict.value("compared", std::int64_t{0});
  const auto batches = verdict.value("batches", compared);
  const auto speedup = gain.get<double>();
  std::string text = fmt::format("{:.3f}x over {} values of M (geometric mean)", speedup, compared);
  text =
      speedup >= 1 + least ? "worth it: " + text : fmt::format("not worth it: under {:.3g} % ({})", 100 * least, text);
  if (compared < batches) text += fmt::format("; {} of {} could not be compared", batches - compared, batches);
  const auto share = verdict.value("kernel_share", ordered_json());
  if (!share.is_number()) return text;
  const auto part = share.get<double>();
  return text + fmt::format("; a whole step is expected to be {:.3f}x as fast, the kernel taking {:.1f} % of it",
                            1 / (1 - part + part / speedup), 100 * part);
}

/// The fields of a problem that its file's name carries.
ordered_json named_fields(const ordered_json& problem) {
  ordered_json fields;
  for (const char* name : {"E", "N", "dtype", "block_shape", "per_channel_quant"}) {
    fields[name] = problem.value(name, ordered_json());
  }
  return fields;
}

/// From a sweep's spec, when a tile of it beats the default.
void note_rule(const ordered_json& sweep, Evidence& evidence) {
  const auto spec = sweep.value("spec", ordered_json::object());
  const schema::ChoiceRule usual;
  evidence.levels.insert(spec.value("level", usual.level));
  evidence.least_gains.insert(spec.value("min_gain", usual.min_gain));
}

/// What the sweeps behind the rows chose by, and which of them are not done. Of this database's sweeps: a label ends
/// with the sweep's id.
Result<void> find_sweeps(const Client& client, Evidence& evidence) {
  if (evidence.sweeps.empty() || evidence.field("origin") == "imported") return {};
  const auto sweeps = client.list("/sweeps");
  if (!sweeps) return std::unexpected(sweeps.error());
  for (const auto& sweep : *sweeps) {
    const std::string state = sweep.value("state", "");
    const std::string ending = fmt::format("-{}", sweep.value("id", std::int64_t{0}));
    for (const std::string& label : evidence.sweeps) {
      if (!label.ends_with(ending)) continue;
      note_rule(sweep, evidence);
      if (state != "done") {
        evidence.unfinished.push_back(fmt::format("{} is {}", printable(label), printable(state)));
      }
    }
  }
  return {};
}

Result<void> find_sharing(const Client& client, Evidence& evidence) {
  const auto problems = client.list("/problems");
  if (!problems) return std::unexpected(problems.error());
  for (const auto& problem : *problems) {
    const bool same = std::ranges::all_of(
        std::vector{"hidden_size", "topk", "act_dtype", "gated", "router_weight_on_input"}, [&](const char* name) {
          return problem.value(name, ordered_json()) == evidence.group.value(name, ordered_json());
        });
    if (!same && named_fields(problem) == named_fields(evidence.group)) evidence.sharing.push_back(problem);
  }
  return {};
}

}  // namespace

double BatchEvidence::spread() const {
  if (!best.default_latency_us || *best.default_latency_us <= 0) return 0;
  const double wider =
      std::max(schema::interquartile_range(default_samples_us), schema::interquartile_range(chosen_samples_us));
  return wider / *best.default_latency_us;
}

std::optional<std::string> Evidence::field(const char* name) const {
  const auto found = group.find(name);
  if (found == group.end() || found->is_null()) return std::nullopt;
  return printable(found->is_string() ? found->get<std::string>() : found->dump());
}

Result<Evidence> gather(const Client& client, const EvidenceRequest& request) {
  auto filter = request.group.query();
  if (!filter) return std::unexpected(filter.error());
  if (!request.group.has("kernel")) filter->add("kernel", std::string(name_of(request.engine)));
  if (!request.group.has("origin") && !request.allow_recorded) filter->add("origin", "measured");
  if (auto put = request.share.put(*filter); !put) return std::unexpected(put.error());
  const auto group = only_group(client, *filter, request.allow_recorded);
  if (!group) return std::unexpected(group.error());
  const auto bests = batch_bests_from_json(group->value("configs", ordered_json::object()));
  if (!bests) return std::unexpected(bests.error());

  const bool has_pairs = std::ranges::any_of(
      *bests, [](const auto& entry) { return entry.second.chosen && entry.second.chosen->down.has_value(); });
  if (has_pairs && request.engine == schema::EngineFormat::vllm) {
    return fail(ErrorCode::conflict,
                "the best rows have tiles of their own for GEMM 2, which vLLM's file cannot hold: --format sglang");
  }

  Evidence evidence;
  evidence.engine = request.engine;
  evidence.group = *group;
  if (const auto verdict = group->value("verdict", ordered_json()); verdict.is_object()) {
    evidence.verdict = public_verdict(verdict);
  }
  for (const char* name : {"configs", "verdict"}) evidence.group.erase(name);
  const Query exact = query_of(evidence.group);
  if (auto named = name_files(client, request, exact, evidence); !named) return std::unexpected(named.error());
  if (auto added = add_guarantee(client, request, exact, evidence); !added) return std::unexpected(added.error());
  for (const auto& [batch, best] : *bests) {
    auto found = evidence_of(client, exact, batch, best, evidence);
    if (!found) return std::unexpected(found.error());
    evidence.batches.emplace(batch, std::move(*found));
  }
  auto contrast = l2_contrast(client, evidence.group, *bests);
  if (!contrast) return std::unexpected(contrast.error());
  evidence.l2 = std::move(*contrast);
  if (auto shared = find_sharing(client, evidence); !shared) return std::unexpected(shared.error());
  if (auto told = find_sweeps(client, evidence); !told) return std::unexpected(told.error());
  return evidence;
}

}  // namespace moetune::cli
