#include "daemon/sweep/triton_sweep_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "schema/engine_rules.hpp"

namespace moetune::daemon {
namespace {

using schema::Result;
using schema::TileConfig;
using search::KernelIndex;

/// What the GEMMs of the candidates run with.
std::vector<TileConfig> distinct_tiles(const std::vector<search::Candidate>& candidates) {
  std::set<TileConfig> distinct;
  for (const auto& candidate : candidates) {
    distinct.insert(up_tile(candidate.config));
    distinct.insert(down_tile(candidate.config));
  }
  return {distinct.begin(), distinct.end()};
}

/// Numbers the kernels in the order in which trials need them, so that they are compiled in that order.
class KernelList {
 public:
  KernelList(SweepPlan& plan, const TritonPlan& answer, const std::vector<TileConfig>& configs, std::string compiler)
      : plan_(plan), answer_(answer), compiler_(std::move(compiler)) {
    for (std::size_t i = 0; i < configs.size(); ++i) place_of_[configs[i]] = i;
    for (const TritonClass& shared : answer.classes) {
      for (const auto batch : shared.batches) class_of_[batch] = &shared;
    }
  }

  std::vector<KernelIndex> kernels_of(const search::Candidate& candidate) {
    const TritonClass& shared = *class_of_.at(candidate.batch);
    const auto up = kernel(shared.up, up_tile(candidate.config), "GEMM 1");
    const auto down = kernel(shared.down, down_tile(candidate.config), "GEMM 2");
    return up == down ? std::vector{up} : std::vector{up, down};
  }

 private:
  KernelIndex add(KernelSpec spec) {
    plan_.kernels.push_back(std::move(spec));
    return {plan_.kernels.size() - 1};
  }

  KernelIndex refused(std::size_t place, const TileConfig& config) {
    const auto [found, added] = refused_.try_emplace(place);
    if (added)
      found->second = add({.name = short_text(config), .parts = {}, .refused = answer_.refused.at(place), .job = {}});
    return found->second;
  }

  /// `artifacts` has a class's artifact for each configuration.
  KernelIndex kernel(const std::vector<std::int64_t>& artifacts, const TileConfig& tile, const char* gemm) {
    const std::size_t place = place_of_.at(tile);
    if (artifacts[place] < 0) return refused(place, tile);
    const auto artifact = static_cast<std::size_t>(artifacts[place]);
    const auto [found, added] = known_.try_emplace(artifact);
    if (!added) return found->second;
    const nlohmann::json& options = answer_.artifacts[artifact];
    found->second = add({.name = fmt::format("{} ({})", short_text(tile), gemm),
                         .parts = kernels::ArtifactParts{.kernel = plan_.kernel,
                                                         .kernel_digest = answer_.kernel_digest,
                                                         .compiler = compiler_,
                                                         .arch = plan_.target,
                                                         .unit = kernels::Unit::gemm,
                                                         .options = options},
                         .refused = "",
                         .job = {{"type", "compile"},
                                 {"kernel_digest", answer_.kernel_digest},
                                 {"arch", plan_.target},
                                 {"options", options}}});
    if (search::is_slow_to_compile(tile)) plan_.needs.slow.insert(found->second);
    return found->second;
  }

  SweepPlan& plan_;
  const TritonPlan& answer_;
  std::string compiler_;
  std::map<TileConfig, std::size_t> place_of_;
  std::map<std::int64_t, const TritonClass*> class_of_;
  std::map<std::size_t, KernelIndex> known_;    ///< by artifact
  std::map<std::size_t, KernelIndex> refused_;  ///< by configuration
};

/// The engine's defaults in the place of those that schema/ knows. Returns whether there is anything new to ask for.
bool adopt_defaults(SweepPlan& plan, const schema::SweepSpec& spec, const TritonPlan& answer,
                    const CandidatesFor& candidates) {
  if (plan.recording || answer.default_of_batch.empty()) return false;
  std::map<std::int64_t, TileConfig> defaults;
  for (const auto& [batch, config] : answer.default_of_batch) {
    defaults[batch] = schema::effective_config(spec.problem, config);
  }
  plan.default_source = answer.default_source;
  if (std::exchange(plan.default_of_batch, defaults) == defaults) return false;
  plan.candidates = candidates(plan.default_of_batch);
  return true;
}

}  // namespace

Result<void> apply_triton_kernels(SweepPlan& plan, const schema::SweepSpec& spec, const TritonToolchain& toolchain,
                                  const CandidatesFor& candidates) {
  TritonPlanRequest request{.kernel = plan.kernel,
                            .problem = spec.problem,
                            .arch = plan.target,
                            .device = plan.group.device,
                            .batches = spec.batches,
                            .configs = distinct_tiles(plan.candidates),
                            .group_at_run_time = plan.phase == schema::SweepPhase::scan};
  auto answer = toolchain.plan(request);
  if (!answer) return std::unexpected(answer.error());
  if (candidates && adopt_defaults(plan, spec, *answer, candidates)) {
    request.configs = distinct_tiles(plan.candidates);
    answer = toolchain.plan(request);
    if (!answer) return std::unexpected(answer.error());
  }
  if (!plan.recording) plan.group.kernel_digest = answer->kernel_digest;
  plan.alignment = answer->alignment;
  if (plan.phase == schema::SweepPhase::scan) plan.candidates = search::light_batches_first(std::move(plan.candidates));
  plan.needs = {};
  KernelList list(plan, *answer, request.configs, toolchain.compiler());
  for (const auto& candidate : plan.candidates) plan.needs.of_trial.push_back(list.kernels_of(candidate));
  plan.needs.kernels = plan.kernels.size();
  return {};
}

}  // namespace moetune::daemon
