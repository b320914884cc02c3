#include "daemon/sweep/sweep_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "daemon/recorded_groups.hpp"
#include "daemon/search/between.hpp"
#include "daemon/search/finalists.hpp"
#include "daemon/search/space.hpp"
#include "daemon/sweep/gemm_times.hpp"
#include "daemon/sweep/kernel_plan.hpp"
#include "daemon/sweep/traffic_ranks.hpp"
#include "kernels/cuda_kernel.hpp"
#include "kernels/quantisation.hpp"
#include "kernels/recording.hpp"
#include "kernels/worker_protocol.hpp"
#include "schema/engine_rules.hpp"
#include "schema/lint/gpu.hpp"
#include "schema/lint/shared_memory.hpp"

namespace moetune::daemon {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;
using schema::SweepPhase;
using schema::SweepSpec;

/// What one sweep may consist of: days of measuring, and tens of megabytes of the daemon's memory.
constexpr std::size_t k_max_candidates = 1'000'000;

Result<void> check_size(const SweepSpec& spec, std::size_t configs, std::size_t sets) {
  const std::size_t candidates = (configs + sets) * spec.batches.size();
  if (candidates <= k_max_candidates) return {};
  return fail(
      ErrorCode::too_large,
      fmt::format("sweep.batch: {} batch sizes of {} configurations each are {} trials, at most {} are allowed; "
                  "split the sweep or make its space smaller",
                  spec.batches.size(), configs + sets, candidates, k_max_candidates));
}

Result<std::vector<Gpu>> gpus_of(const SweepSpec& spec, const Machine& machine) {
  if (machine.gpus.empty()) {
    return fail(ErrorCode::unavailable,
                fmt::format("no GPU to measure on: {}; give a recording to tune from rows measured elsewhere",
                            machine.missing));
  }
  std::vector<Gpu> chosen;
  for (const int index : spec.gpus) {
    const auto found = std::ranges::find(machine.gpus, index, &Gpu::index);
    if (found == machine.gpus.end()) {
      return fail(ErrorCode::invalid_argument, fmt::format("gpus: there is no GPU {} here", index));
    }
    chosen.push_back(*found);
  }
  const std::string device = chosen.empty() ? machine.gpus.front().device : chosen.front().device;
  if (spec.gpus.empty()) {
    std::ranges::copy_if(machine.gpus, std::back_inserter(chosen),
                         [&](const Gpu& gpu) { return gpu.device == device; });
  }
  const auto other = std::ranges::find_if(chosen, [&](const Gpu& gpu) { return gpu.device != device; });
  if (other != chosen.end()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("gpus: {} and {} cannot share a sweep, their rows belong to different files", device,
                            other->device));
  }
  return chosen;
}

/// NVRTC compiles the kernel cuda, and the rest of the step whatever the kernel.
Result<void> check_compilers(const SweepPlan& plan, const SweepSpec& spec, const Machine& machine) {
  const bool needs_nvrtc = !plan.recording || !is_triton_kernel(plan.kernel);
  if (needs_nvrtc && machine.compiler.empty()) {
    return fail(ErrorCode::unavailable, fmt::format("no compiler: {}", machine.missing));
  }
  return is_triton_kernel(plan.group.kernel) ? kernels::check_measurable(spec.problem)
                                             : kernels::check_supported(spec.problem);
}

void drop_unrecorded(SweepPlan& plan, const kernels::Recording& recording) {
  std::erase_if(plan.candidates, [&](const search::Candidate& candidate) {
    return !recording.rows.contains({candidate.batch, candidate.config});
  });
}

/// The candidates of other batches than the sweep's that its recording has too; a point of which it lacks the
/// neighbours says nothing.
Result<void> keep_recorded(SweepPlan& plan, const SweepSpec& elsewhere) {
  const kernels::RecordingQuery query{.problem = elsewhere.problem,
                                      .batches = plan.resident,
                                      .l2 = elsewhere.l2,
                                      .routing = elsewhere.routing,
                                      .kernel = plan.kernel};
  auto recording = kernels::Recording::load(*plan.recording, query);
  if (!recording) return std::unexpected(in_terms_of_upload(recording.error(), *plan.recording, *elsewhere.recording));
  drop_unrecorded(plan, *recording);
  std::set<std::int64_t> alive;
  for (const auto& candidate : plan.candidates) {
    if (plan.default_of_batch[candidate.batch] != candidate.config) alive.insert(candidate.batch);
  }
  std::erase_if(plan.candidates, [&](const auto& candidate) { return !alive.contains(candidate.batch); });
  std::erase_if(plan.default_of_batch, [&](const auto& entry) { return !alive.contains(entry.first); });
  return {};
}

Result<void> apply_recording(SweepPlan& plan, const SweepSpec& spec, const std::filesystem::path& path) {
  const kernels::RecordingQuery query{
      .problem = spec.problem, .batches = spec.batches, .l2 = spec.l2, .routing = spec.routing, .kernel = spec.kernel};
  auto recording = kernels::Recording::load(path, query);
  if (!recording) return std::unexpected(in_terms_of_upload(recording.error(), path, spec.recording.value_or("")));
  plan.group = recording->group;
  plan.kernel = plan.group.kernel;
  plan.arch = recording->arch;
  plan.target = kernels::compile_arch_of(plan.arch);
  plan.recording = path;
  plan.compiles = spec.compile;
  const auto size = plan.candidates.size();
  drop_unrecorded(plan, *recording);
  plan.not_recorded = static_cast<std::int64_t>(size - plan.candidates.size());
  if (plan.candidates.empty()) {
    return fail(ErrorCode::not_found, "the recording has no row of a configuration in this space");
  }
  return {};
}

/// The candidates that the spec names.
Result<std::vector<schema::TileConfig>> apply_named(SweepPlan& plan, const SweepSpec& spec) {
  if (spec.rounds) plan.order = search::Order::rounds;
  plan.default_of_batch = search::known_defaults(spec.problem, spec.batches);
  plan.default_source = schema::default_config_source();
  plan.candidates = search::named_plan(spec.problem, plan.default_of_batch, spec.candidates);
  return std::vector<schema::TileConfig>();
}

/// Whether a tile has room in the shared memory of the GPU that is tuned for, as far as both are known. A recording's
/// rows say for themselves what ran.
search::Fits fits_in(const SweepPlan& plan, const SweepSpec& spec) {
  const auto gpu = schema::lint::known_gpu(plan.group.device);
  if (!gpu || !is_triton_kernel(spec.kernel)) return [](const schema::TileConfig&) { return true; };
  return [dtype = spec.problem.dtype, gpu = *gpu](const schema::TileConfig& tile) {
    const auto least = schema::lint::least_shared_memory(dtype, tile, gpu.capability);
    return !least || *least <= gpu.shared_memory_limit;
  };
}

/// The trials of a space. A race, which need not show everything, leaves out what surely has no room on the GPU: the
/// compiler would take its time for it, to no end.
std::vector<search::Candidate> candidates_in(const SweepPlan& plan, const SweepSpec& spec,
                                             const std::vector<schema::TileConfig>& configs,
                                             const std::map<std::int64_t, schema::TileConfig>& default_of_batch) {
  auto candidates = search::exhaustive_plan(default_of_batch, configs, plan.seeded.seeds);
  if (!plan.races) return search::heaviest_first(candidates, plan.ranks);
  std::erase_if(candidates, [&, fits = fits_in(plan, spec)](const search::Candidate& candidate) {
    const auto found = default_of_batch.find(candidate.batch);
    const bool is_default = found != default_of_batch.end() && found->second == candidate.config;
    return !is_default && !(fits(up_tile(candidate.config)) && fits(down_tile(candidate.config)));
  });
  return candidates;
}

/// Appends those that are not there.
void add_seeds(const search::Seeds& more, search::Seeds& seeds) {
  for (const auto& [batch, configs] : more) {
    auto& known = seeds[batch];
    for (const schema::TileConfig& config : configs) {
      if (std::ranges::find(known, config) == known.end()) known.push_back(config);
    }
  }
}

Result<void> apply_siblings(SweepPlan& plan, const SweepSpec& spec, const SiblingsOf& siblings) {
  if (!siblings || !spec.candidates.empty()) return {};
  auto seeds = siblings(plan.group);
  if (!seeds) return std::unexpected(seeds.error());
  plan.siblings = std::move(*seeds);
  return {};
}

/// Every configuration for every batch, and what imported files say.
Result<std::vector<schema::TileConfig>> apply_space(SweepPlan& plan, const SweepSpec& spec,
                                                    const std::vector<schema::SeedingSet>& sets) {
  if (!spec.candidates.empty()) return apply_named(plan, spec);
  const auto space = search::space_from_json(spec.space);
  if (!space) return std::unexpected(space.error());
  auto configs = search::configurations(*space, spec.problem);
  if (!configs) return std::unexpected(configs.error());
  if (auto small = check_size(spec, configs->size(), sets.size()); !small) return std::unexpected(small.error());
  plan.default_of_batch = search::known_defaults(spec.problem, spec.batches);
  plan.default_source = schema::default_config_source();
  plan.seeded = search::seeds_for(spec.problem, spec.batches, plan.group.device, sets, fits_in(plan, spec));
  add_seeds(plan.siblings, plan.seeded.seeds);
  plan.candidates = candidates_in(plan, spec, *configs, plan.default_of_batch);
  return configs;
}

/// Whether the space has a tile with more than one GROUP_SIZE_M.
bool has_groups(const std::vector<schema::TileConfig>& configs) {
  std::set<schema::TileConfig> tiles;
  return !std::ranges::all_of(configs,
                              [&](const auto& config) { return tiles.insert(search::without_group(config)).second; });
}

/// A scan pays where it saves kernels, and finds the pairs of tiles that SGLang can read.
void choose_phase(SweepPlan& plan, const SweepSpec& spec, const Machine& machine,
                  const std::vector<schema::TileConfig>& configs) {
  if (plan.recording || !spec.scan || !spec.candidates.empty()) return;
  plan.pairs = machine.triton.reads_down_file(plan.kernel);
  const bool saves_kernels = has_groups(configs) && configs.size() > search::FinalistRule{}.at_least;
  if (!plan.pairs && !saves_kernels) return;
  plan.phase = SweepPhase::scan;
  plan.order = search::Order::plan;
  plan.group.kernel = schema::scan_of(plan.kernel);
}

/// What the rows of a scan say, by batch.
std::map<std::int64_t, std::vector<search::Scanned>> scanned_by_batch(const std::vector<db::ScannedRow>& rows) {
  std::map<std::int64_t, std::vector<search::Scanned>> by_batch;
  for (const db::ScannedRow& row : rows) {
    if (row.status != schema::TrialStatus::ok) continue;
    const GemmTimes apart = gemm_times(row.stages_us);
    by_batch[row.key.batch].push_back({.config = row.key.config,
                                       .latency_us = row.latency_us,
                                       .gemm_1_us = apart.gemm_1_us,
                                       .gemm_2_us = apart.gemm_2_us,
                                       .clock_fell = row.remark == kernels::k_clock_fell});
  }
  return by_batch;
}

/// Whether a tile that ended like this in a scan may fare otherwise on the unchanged kernel.
bool failed_in_the_compiler(schema::TrialStatus status) {
  return status == schema::TrialStatus::compile_error || status == schema::TrialStatus::compiler_crash ||
         status == schema::TrialStatus::compile_timeout;
}

/// The finalists of each batch. A batch of which the scan knows nothing is measured whole, or after a race as far as it
/// went; and a tile whose changed kernel did not compile is tried on the unchanged one, with one value of GROUP_SIZE_M:
/// what upstream hears of is a failure of its own kernel.
std::map<std::int64_t, std::vector<schema::TileConfig>> finalists_by_batch(const SweepPlan& scan,
                                                                           const std::vector<db::ScannedRow>& rows) {
  std::map<std::int64_t, std::vector<schema::TileConfig>> finalists;
  const auto rule = scan.races ? search::race_finalists(scan.pairs) : search::FinalistRule{};
  for (auto& [batch, scanned] : scanned_by_batch(rows)) {
    finalists[batch] = search::finalists_of(std::move(scanned), rule, scan.pairs);
  }
  std::set<search::Candidate> tried;
  for (const db::ScannedRow& row : rows) {
    const auto known = finalists.find(row.key.batch);
    if (known == finalists.end() || !failed_in_the_compiler(row.status)) continue;
    const bool first = tried.insert({row.key.batch, search::without_group(row.key.config)}).second;
    if (first) known->second.push_back(row.key.config);
  }
  std::set<std::int64_t> scanned_batches;
  for (const auto& [batch, unused] : finalists) scanned_batches.insert(batch);
  const auto add_unknown = [&](std::int64_t batch, const schema::TileConfig& config) {
    if (!scanned_batches.contains(batch)) finalists[batch].push_back(config);
  };
  if (scan.races) {
    for (const db::ScannedRow& row : rows) add_unknown(row.key.batch, row.key.config);
  } else {
    for (const search::Candidate& candidate : scan.candidates) add_unknown(candidate.batch, candidate.config);
  }
  return finalists;
}

Result<void> apply_gpus(SweepPlan& plan, const SweepSpec& spec, const Machine& machine) {
  auto gpus = gpus_of(spec, machine);
  if (!gpus) return std::unexpected(gpus.error());
  plan.gpus = std::move(*gpus);
  plan.arch = plan.gpus.front().arch;
  plan.target = plan.gpus.front().target;
  plan.group = {.device = plan.gpus.front().device,
                .problem = spec.problem,
                .kernel = spec.kernel,
                .kernel_digest = kernels::kernel_digest(),
                .compiler = machine.compiler,
                .l2 = spec.l2,
                .routing = spec.routing,
                .origin = schema::Origin::measured};
  plan.kernel = spec.kernel;
  if (is_triton_kernel(spec.kernel)) {
    plan.group.kernel_digest.clear();  // known once the kernel's source has been found
    plan.group.compiler = machine.triton.compiler();
  }
  return {};
}

}  // namespace

Result<SweepPlan> plan_sweep(const SweepSpec& spec, const Machine& machine,
                             const std::optional<std::filesystem::path>& recording,
                             const std::vector<schema::SeedingSet>& sets, const SiblingsOf& siblings,
                             const std::optional<schema::Traffic>& traffic) {
  SweepPlan plan;
  plan.traffic = traffic;
  plan.ranks = ranks_by_traffic(traffic, spec.batches);
  if (!recording) {
    if (auto applied = apply_gpus(plan, spec, machine); !applied) return std::unexpected(applied.error());
    if (auto applied = apply_siblings(plan, spec, siblings); !applied) return std::unexpected(applied.error());
  }
  plan.races = spec.strategy == schema::k_race && spec.candidates.empty();
  plan.resident = spec.batches;
  if (looks_between(spec)) std::ranges::copy(search::points_between(spec.batches), std::back_inserter(plan.resident));
  const auto configs = apply_space(plan, spec, sets);
  if (!configs) return std::unexpected(configs.error());
  if (recording) {
    if (auto applied = apply_recording(plan, spec, *recording); !applied) return std::unexpected(applied.error());
  }
  if (!plan.compiles) return plan;
  if (auto able = check_compilers(plan, spec, machine); !able) return std::unexpected(able.error());
  if (is_triton_kernel(plan.kernel)) choose_phase(plan, spec, machine, *configs);
  const CandidatesFor candidates = [&](const auto& defaults) {
    return spec.candidates.empty() ? candidates_in(plan, spec, *configs, defaults)
                                   : search::named_plan(spec.problem, defaults, spec.candidates);
  };
  if (auto applied = apply_kernels(plan, spec, machine, candidates); !applied) return std::unexpected(applied.error());
  if (!plan.recording) apply_step_kernels(plan, spec, machine);
  return plan;
}

Result<SweepPlan> plan_measure_phase(const SweepPlan& scan, const SweepSpec& spec, const Machine& machine,
                                     const std::vector<db::ScannedRow>& rows) {
  SweepPlan plan = scan;
  plan.phase = SweepPhase::measure;
  plan.order = search::Order::heats;
  plan.races = false;
  plan.group.kernel = plan.kernel;
  auto finalists = finalists_by_batch(scan, rows);
  add_seeds(scan.siblings, finalists);  // whatever the scan says of them: others are compared with them
  plan.candidates = search::heaviest_first(search::finalist_plan(plan.default_of_batch, finalists), plan.ranks);
  plan.kernels.clear();
  if (auto applied = apply_kernels(plan, spec, machine, nullptr); !applied) return std::unexpected(applied.error());
  return plan;
}

bool looks_between(const SweepSpec& spec) {
  return spec.between && spec.candidates.empty();
}

Result<std::optional<SweepPlan>> plan_between(const SweepPlan& measured, const SweepSpec& spec, const Machine& machine,
                                              const std::map<std::int64_t, schema::TileConfig>& chosen,
                                              const std::map<std::int64_t, schema::TileConfig>& in_force) {
  SweepSpec elsewhere = spec;
  elsewhere.batches = search::points_between(spec.batches);
  if (elsewhere.batches.empty() || chosen.empty()) return std::nullopt;
  elsewhere.candidates = search::neighbours_at(elsewhere.batches, chosen);
  for (auto& [point, configs] : elsewhere.candidates) {
    if (const auto file = in_force.find(point); file != in_force.end()) configs.push_back(file->second);
  }
  SweepPlan plan = measured;
  plan.between = true;
  plan.order = search::Order::heats;
  plan.races = false;
  plan.kernels.clear();
  plan.ranks = ranks_by_traffic(plan.traffic, plan.resident);
  plan.default_of_batch = search::known_defaults(spec.problem, elsewhere.batches);
  const CandidatesFor candidates = [&](const auto& defaults) {
    return search::heaviest_first(search::named_plan(spec.problem, defaults, elsewhere.candidates), plan.ranks);
  };
  plan.candidates = candidates(plan.default_of_batch);
  if (plan.recording) {
    if (auto kept = keep_recorded(plan, elsewhere); !kept) return std::unexpected(kept.error());
    if (plan.candidates.empty()) return std::nullopt;
  }
  if (!plan.compiles) return plan;
  if (auto applied = apply_kernels(plan, elsewhere, machine, candidates); !applied) {
    return std::unexpected(applied.error());
  }
  return plan;
}

nlohmann::json identity_of(const SweepPlan& plan) {
  schema::Group group = plan.group;
  group.kernel = plan.kernel;
  nlohmann::ordered_json identity;
  schema::write_group(group, identity);
  identity["arch"] = plan.arch;
  return identity;
}

}  // namespace moetune::daemon
