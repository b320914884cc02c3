#include "cli/sweep_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "schema/strict_json.hpp"
#include "schema/trial.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::ObjectReader;
using schema::Result;

constexpr double k_any = 1e15;

/// Fields that this version does not know are no error: a newer daemon may tell more.
Result<void> finish(const ObjectReader& reader, std::string_view what) {
  if (reader.ok()) return {};
  return fail(
      ErrorCode::data_damaged,
      fmt::format("the daemon describes its {} in a way that moetune {} does not know; use the moetune and moetuned "
                  "of one version",
                  what, MOETUNE_VERSION));
}

std::optional<schema::TileConfig> read_config(ObjectReader& reader, std::string_view name) {
  const auto* value = reader.raw(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  const auto config = schema::tile_config_from_json(*value);
  if (config) return *config;
  reader.adopt(config.error());
  return std::nullopt;
}

std::vector<std::pair<std::string, std::int64_t>> read_counts(const nlohmann::json& counts) {
  std::vector<std::pair<std::string, std::int64_t>> found;
  if (!counts.is_object()) return found;
  for (const auto status : schema::all_trial_statuses()) {
    const std::string name(schema::name_of(status));
    const auto count = counts.value(name, nlohmann::json());
    if (count.is_number_integer() && count.get<std::int64_t>() > 0) found.emplace_back(name, count.get<std::int64_t>());
  }
  return found;
}

void read_trials(const nlohmann::json& value, SweepStatus& status, ObjectReader& parent) {
  ObjectReader reader(value, "trials");
  status.total = reader.integer("total", 0, ObjectReader::k_max);
  status.done = reader.integer("done", 0, ObjectReader::k_max);
  status.not_recorded = reader.optional_integer("not_recorded", 0, ObjectReader::k_max).value_or(0);
  if (const auto* counts = reader.raw("by_status")) status.by_status = read_counts(*counts);
  if (!reader.ok()) parent.adopt(reader.finish().error());
}

void read_compiles(const nlohmann::json& value, SweepStatus& status, ObjectReader& parent) {
  ObjectReader reader(value, "compiles");
  status.compiles_done = reader.integer("done", 0, ObjectReader::k_max);
  status.compiles_cached = reader.integer("cached", 0, ObjectReader::k_max);
  status.compiles_failed = reader.integer("failed", 0, ObjectReader::k_max);
  if (!reader.ok()) parent.adopt(reader.finish().error());
}

std::vector<schema::CandidateShare> read_shares(const nlohmann::json* list, ObjectReader& parent) {
  std::vector<schema::CandidateShare> shares;
  if (list == nullptr || !list->is_array()) return shares;
  for (const auto& item : *list) {
    ObjectReader reader(item, "seeded_by");
    shares.push_back({.set = reader.integer("set", 1, ObjectReader::k_max),
                      .name = reader.text("name", 2 * schema::k_max_candidate_path),
                      .candidates = reader.integer("candidates", 0, ObjectReader::k_max),
                      .left_out = reader.integer("left_out", 0, ObjectReader::k_max)});
    if (!reader.ok()) parent.adopt(reader.finish().error());
  }
  return shares;
}

std::vector<std::pair<std::string, std::int64_t>> read_neighbours(const nlohmann::json* list, ObjectReader& parent) {
  std::vector<std::pair<std::string, std::int64_t>> neighbours;
  if (list == nullptr || !list->is_array()) return neighbours;
  for (const auto& item : *list) {
    ObjectReader reader(item, "neighbours");
    if (const auto* fields = reader.required_raw("problem")) {
      ObjectReader of_problem(*fields, "problem");
      const auto problem = schema::read_problem(of_problem, schema::Absent::none);
      if (!of_problem.ok()) reader.adopt(of_problem.finish().error());
      neighbours.emplace_back(schema::short_text(problem), reader.integer("candidates", 0, ObjectReader::k_max));
    }
    if (!reader.ok()) parent.adopt(reader.finish().error());
  }
  return neighbours;
}

std::vector<std::string> read_warnings(const nlohmann::json* list) {
  std::vector<std::string> warnings;
  if (list == nullptr || !list->is_array()) return warnings;
  for (const auto& item : *list) {
    if (item.is_string()) warnings.push_back(item.get<std::string>());
  }
  return warnings;
}

Result<BatchBest> batch_best_from_json(const nlohmann::json& value) {
  ObjectReader reader(value, "best");
  BatchBest best;
  best.config = read_config(reader, "config");
  best.latency_us = reader.optional_number("latency_us", 0, k_any);
  best.default_latency_us = reader.optional_number("default_latency_us", 0, k_any);
  best.speedup = reader.optional_number("speedup", 0, k_any);
  best.samples = reader.optional_integer("samples", 0, ObjectReader::k_max).value_or(0);
  if (const auto* chosen = reader.raw("chosen"); chosen != nullptr && chosen->is_object()) {
    ObjectReader fields(*chosen, "chosen");
    best.chosen = read_config(fields, "config");
    best.chosen_latency_us = fields.optional_number("latency_us", 0, k_any);
    best.decided_by = fields.optional_text("sweep");
    best.keeps_default = fields.boolean_or("default", false);
    if (!fields.ok()) reader.adopt(fields.finish().error());
  }
  best.sweep = reader.optional_text("sweep");
  best.reason = reader.optional_text("reason", 4096).value_or("");
  if (auto done = finish(reader, "results"); !done) return std::unexpected(done.error());
  return best;
}

}  // namespace

std::optional<double> BatchBest::chosen_speedup() const {
  if (!default_latency_us || !chosen_latency_us || *chosen_latency_us <= 0) return std::nullopt;
  return *default_latency_us / *chosen_latency_us;
}

Result<std::map<std::int64_t, BatchBest>> batch_bests_from_json(const ordered_json& value) {
  std::map<std::int64_t, BatchBest> bests;
  for (const auto& [key, entry] : value.items()) {
    const auto batch = schema::integer_from_text("batch", key, 1, schema::k_max_batch);
    const auto best = batch_best_from_json(nlohmann::json(entry));
    if (!best) return std::unexpected(best.error());
    if (!batch) return fail(ErrorCode::data_damaged, fmt::format("the daemon's results have an odd key \"{}\"", key));
    bests[*batch] = *best;
  }
  return bests;
}

Result<SweepStatus> sweep_status_from_json(const ordered_json& ordered) {
  const nlohmann::json value(ordered);
  ObjectReader reader(value, "sweep");
  SweepStatus status;
  status.id = reader.integer("id", 0, ObjectReader::k_max);
  if (const auto state = schema::sweep_state_from_name(reader.text("state"))) {
    status.state = *state;
  } else {
    reader.adopt(state.error());
  }
  if (const auto phase = schema::sweep_phase_from_name(reader.text("phase"))) {
    status.phase = *phase;
  } else {
    reader.adopt(phase.error());
  }
  if (reader.required_raw("spec") != nullptr) status.spec = ordered["spec"];
  if (const auto* trials = reader.required_raw("trials")) read_trials(*trials, status, reader);
  if (const auto* compiles = reader.required_raw("compiles")) read_compiles(*compiles, status, reader);
  status.seeded_by = read_shares(reader.raw("seeded_by"), reader);
  status.neighbours = read_neighbours(reader.raw("neighbours"), reader);
  status.warnings = read_warnings(reader.raw("warnings"));
  status.eta_s = reader.optional_number("eta_s", 0, k_any);
  status.started_at = reader.optional_text("started_at");
  status.finished_at = reader.optional_text("finished_at");
  status.error = reader.optional_text("error", 65536);
  status.discarded = reader.boolean_or("discarded", false);
  if (auto done = finish(reader, "sweeps"); !done) return std::unexpected(done.error());
  const auto best = ordered.value("best", ordered_json());
  if (best.is_object()) {
    auto bests = batch_bests_from_json(best);
    if (!bests) return std::unexpected(bests.error());
    status.best = std::move(*bests);
  }
  return status;
}

TileRows tile_rows(const std::optional<schema::TileConfig>& config) {
  if (!config) return {"-", std::nullopt};
  TileRows rows{schema::short_text(up_tile(*config)), std::nullopt};
  if (config->down) rows.down = "| " + schema::short_text(down_tile(*config));
  return rows;
}

std::string problem_text(const ordered_json& fields) {
  const nlohmann::json value(fields);
  ObjectReader reader(value, "problem");
  const auto problem = schema::read_problem(reader, schema::Absent::none);
  return reader.ok() ? schema::short_text(problem) : "";
}

}  // namespace moetune::cli
