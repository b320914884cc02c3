#include "schema/sweep_spec.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "schema/batch_limit.hpp"
#include "schema/model_shape.hpp"
#include "schema/strict_json.hpp"

namespace moetune::schema {
namespace {

constexpr std::size_t k_max_gpus = 64;
constexpr std::size_t k_max_listed = 65536;
constexpr std::size_t k_max_in_turns = 64;  // every two of them are compared
constexpr double k_least_level = 0.5;
constexpr double k_greatest_level = 0.9999;

void read_batches(ObjectReader& reader, SweepSpec& spec) {
  spec.batches = reader.integers("batch", 1, k_max_batch, k_most_batches);
  if (reader.has("batch") && reader.ok() && spec.batches.empty())
    reader.reject("batch", "must list at least one batch size");
  if (!reader.has("batch")) spec.batches = default_batches();
  std::ranges::sort(spec.batches);
  const auto repeated = std::ranges::adjacent_find(spec.batches);
  if (repeated != spec.batches.end()) reader.reject("batch", fmt::format("lists {} twice", *repeated));
}

/// One element of "candidates".
Result<void> read_candidate(const nlohmann::json& value, SweepSpec& spec) {
  ObjectReader reader(value, "sweep.candidates");
  const auto batch = reader.integer("batch", 1, k_max_batch);
  if (const auto* fields = reader.required_raw("config")) {
    auto config = tile_config_from_json(*fields);
    if (!config) return fail(config.error().code, fmt::format("sweep.candidates: {}", config.error().message));
    spec.candidates[batch].push_back(*config);
  }
  return reader.finish();
}

/// Those of `candidates`, which say by themselves which batches there are.
void read_candidates(ObjectReader& reader, SweepSpec& spec) {
  const auto* list = reader.raw("candidates");
  if (list == nullptr || list->is_null()) return;
  if (!list->is_array() || list->empty() || list->size() > k_max_listed) {
    reader.reject("candidates", fmt::format("must be a list of 1 to {} objects with batch and config", k_max_listed));
    return;
  }
  for (const auto& value : *list) {
    if (auto read = read_candidate(value, spec); !read) {
      reader.adopt(read.error());
      return;
    }
  }
  if (spec.space != SweepSpec().space)
    reader.reject("space", "does not go with candidates, which are measured instead");
  std::vector<std::int64_t> batches;
  for (const auto& [batch, configs] : spec.candidates) batches.push_back(batch);
  if (reader.has("batch") && reader.ok() && spec.batches != batches) {
    reader.reject("batch", "must list the batches of the candidates, or be left out");
  }
  spec.batches = std::move(batches);
  if (spec.batches.size() > k_most_batches)
    reader.reject("candidates", fmt::format("must have at most {} batches", k_most_batches));
}

void read_rounds(ObjectReader& reader, SweepSpec& spec) {
  const auto* value = reader.raw("rounds");
  if (value == nullptr || value->is_null()) return;
  auto rounds = rounds_from_json(*value);
  if (!rounds) {
    reader.adopt(rounds.error());
    return;
  }
  spec.rounds = *rounds;
  if (spec.candidates.empty()) reader.reject("rounds", "goes with candidates");
  for (const auto& [batch, configs] : spec.candidates) {
    if (configs.size() <= k_max_in_turns) continue;
    reader.reject("candidates", fmt::format("has {} for batch {}, and at most {} can take turns", configs.size(), batch,
                                            k_max_in_turns));
    return;
  }
  if (spec.reuse) reader.reject("reuse", "does not go with rounds: only what is measured in turns can be compared");
}

void read_space(ObjectReader& reader, SweepSpec& spec) {
  const auto* space = reader.raw("space");
  if (space == nullptr) return;
  if (!space->is_string() && !space->is_object()) {
    reader.reject("space", "must be a name (vllm, wide) or a space object");
    return;
  }
  spec.space = *space;
}

void read_strategy(ObjectReader& reader, SweepSpec& spec) {
  spec.strategy = reader.optional_text("strategy").value_or(spec.strategy);
  if (spec.strategy != k_race && spec.strategy != k_exhaustive) {
    reader.reject("strategy", fmt::format("must be race or exhaustive, not \"{}\"", spec.strategy));
  }
  if (const auto name = reader.optional_text("l2")) {
    if (auto l2 = l2_from_name(*name)) {
      spec.l2 = *l2;
    } else {
      reader.adopt(l2.error());
    }
  }
}

/// A name, or the counts that stand for themselves.
void read_routing(ObjectReader& reader, SweepSpec& spec) {
  const auto* value = reader.raw("routing");
  if (value == nullptr) return;
  if (!value->is_string() && !value->is_object()) {
    reader.reject("routing", "must be a name (uniform, zipf:1.2) or an object with counts or layers");
    return;
  }
  if (value->is_string()) {
    const auto routing = routing_from_name(value->get<std::string>());
    if (!routing) return reader.adopt(routing.error());
    spec.routing = name_of(*routing);
    return;
  }
  auto counts = expert_counts_from_json(*value);
  if (!counts) return reader.adopt(counts.error());
  if (auto fits = check_expert_counts(*counts, spec.problem); reader.ok() && !fits) return reader.adopt(fits.error());
  spec.expert_counts = std::move(*counts);
}

void read_gpus(ObjectReader& reader, SweepSpec& spec) {
  for (const auto index : reader.integers("gpus", 0, 1023, k_max_gpus)) spec.gpus.push_back(static_cast<int>(index));
  std::ranges::sort(spec.gpus);
  const auto repeated = std::ranges::adjacent_find(spec.gpus);
  if (repeated != spec.gpus.end()) reader.reject("gpus", fmt::format("lists {} twice", *repeated));
}

}  // namespace

const std::vector<std::int64_t>& default_batches() {
  static const std::vector<std::int64_t> batches = {1,  2,   4,   8,   16,   24,   32,   48,   64,
                                                    96, 128, 256, 512, 1024, 1536, 2048, 3072, 4096};
  return batches;
}

nlohmann::ordered_json to_json(const SweepSpec& spec) {
  nlohmann::ordered_json object;
  write_problem(spec.problem, object);
  object["batch"] = spec.batches;
  object["kernel"] = spec.kernel;
  object["space"] = spec.space;
  object["strategy"] = spec.strategy;
  object["routing"] = spec.routing;
  if (spec.expert_counts) object["routing"] = to_json(*spec.expert_counts);
  object["l2"] = name_of(spec.l2);
  object["gpus"] = spec.gpus;
  object["seed"] = spec.seed;
  object["reuse"] = spec.reuse;
  object["retry_failed"] = spec.retry_failed;
  object["scan"] = spec.scan;
  object["imported"] = spec.imported;
  object["between"] = spec.between;
  object["level"] = spec.choice.level;
  object["min_gain"] = spec.choice.min_gain;
  object["recording"] = nullptr;
  if (spec.recording) object["recording"] = *spec.recording;
  object["compile"] = spec.compile;
  object["candidates"] = nullptr;
  for (const auto& [batch, configs] : spec.candidates) {
    for (const TileConfig& config : configs) {
      object["candidates"].push_back({{"batch", batch}, {"config", to_json(config)}});
    }
  }
  object["rounds"] = spec.rounds ? to_json(*spec.rounds) : nlohmann::ordered_json();
  object["best_known"] = spec.best_known;
  return object;
}

Result<SweepSpec> sweep_spec_from_json(const nlohmann::json& value) {
  if (value.is_object() && value.contains("model")) {
    const auto without_model = with_problem_of_model(value);
    if (!without_model) return std::unexpected(without_model.error());
    return sweep_spec_from_json(*without_model);
  }
  ObjectReader reader(value, "sweep");
  for (const char* name : {"tp", "ep"}) {
    if (reader.has(name)) reader.reject(name, "goes with model");
  }
  reader.raw("model");
  SweepSpec spec;
  reader.refuse_null(
      {"act_dtype", "batch", "kernel", "strategy", "routing", "l2", "gpus", "seed", "level", "min_gain"});
  spec.problem = read_problem(reader, Absent::none);
  read_batches(reader, spec);
  spec.kernel = reader.optional_text("kernel").value_or(spec.kernel);
  if (spec.kernel.empty()) reader.reject("kernel", "must not be empty");
  read_space(reader, spec);
  read_strategy(reader, spec);
  read_routing(reader, spec);
  read_gpus(reader, spec);
  spec.seed = static_cast<std::uint64_t>(reader.optional_integer("seed", 0, ObjectReader::k_max).value_or(0));
  spec.reuse = reader.boolean_or("reuse", false);
  spec.retry_failed = reader.boolean_or("retry_failed", false);
  spec.scan = reader.boolean_or("scan", true);
  spec.imported = reader.boolean_or("imported", true);
  spec.between = reader.boolean_or("between", true);
  spec.choice.level = reader.optional_number("level", k_least_level, k_greatest_level).value_or(spec.choice.level);
  spec.choice.min_gain = reader.optional_number("min_gain", 0, 1).value_or(spec.choice.min_gain);
  spec.recording = reader.optional_text("recording", 128);
  spec.compile = reader.boolean_or("compile", false);
  if (spec.compile && !spec.recording)
    reader.reject("compile", "goes with recording: without one kernels are always compiled");
  read_candidates(reader, spec);
  read_rounds(reader, spec);
  spec.best_known = reader.boolean_or("best_known", false);
  if (spec.best_known && spec.candidates.empty()) reader.reject("best_known", "goes with candidates");
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return spec;
}

std::string_view name_of(SweepPhase phase) {
  return phase == SweepPhase::scan ? "scan" : "measure";
}

Result<SweepPhase> sweep_phase_from_name(std::string_view name) {
  if (name == "scan") return SweepPhase::scan;
  if (name == "measure") return SweepPhase::measure;
  return fail(ErrorCode::invalid_argument, fmt::format("phase must be scan or measure, not \"{}\"", name));
}

std::string_view name_of(SweepState state) {
  switch (state) {
    case SweepState::queued:
      return "queued";
    case SweepState::running:
      return "running";
    case SweepState::paused:
      return "paused";
    case SweepState::done:
      return "done";
    case SweepState::failed:
      return "failed";
    case SweepState::cancelled:
      return "cancelled";
  }
  return "failed";
}

Result<SweepState> sweep_state_from_name(std::string_view name) {
  for (const auto state : {SweepState::queued, SweepState::running, SweepState::paused, SweepState::done,
                           SweepState::failed, SweepState::cancelled}) {
    if (name == name_of(state)) return state;
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("state \"{}\" is not known; use queued, running, paused, done, failed or cancelled", name));
}

bool is_final(SweepState state) {
  return state == SweepState::done || state == SweepState::failed || state == SweepState::cancelled;
}

}  // namespace moetune::schema
