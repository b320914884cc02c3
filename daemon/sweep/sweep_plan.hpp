#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "daemon/search/batch_ranks.hpp"
#include "daemon/search/plan.hpp"
#include "daemon/search/seeds.hpp"
#include "daemon/search/work_board.hpp"
#include "daemon/sweep/machine.hpp"
#include "db/trial_store.hpp"
#include "kernels/artifact_file.hpp"
#include "schema/error.hpp"
#include "schema/group.hpp"
#include "schema/sweep_spec.hpp"
#include "schema/traffic.hpp"

namespace moetune::daemon {

/// One kernel that a sweep compiles, by whatever compiler.
struct KernelSpec {
  std::string name;                             ///< for people: "64x128x128 w4 s3"
  std::optional<kernels::ArtifactParts> parts;  ///< what it depends on; empty when it cannot be compiled
  std::string refused;                          ///< why not
  nlohmann::json job;                           ///< the request to a compile worker, without "id" and "output"
};

/// What a phase of a sweep means on this machine: where its rows belong and which trials it has, in their order.
struct SweepPlan {
  schema::SweepPhase phase = schema::SweepPhase::measure;
  schema::Group group;
  std::string kernel;                          ///< the group's, also in a scan, whose rows are kept under another name
  bool pairs = false;                          ///< the GEMMs get tiles of their own; a scan times them apart
  search::Order order = search::Order::heats;  ///< how the candidates are measured; a scan has them as in the plan
  bool races = false;                          ///< a race says which of the candidates are measured
  std::string arch;                            ///< "sm_90"
  std::string target;                          ///< "sm_90a"; what kernels are compiled for
  bool compiles = true;                        ///< false: a recording without compile
  std::vector<Gpu> gpus;                       ///< empty with a recording
  std::optional<std::filesystem::path> recording;
  bool between = false;                ///< the candidates are at points between the sweep's batches
  std::vector<std::int64_t> resident;  ///< batches that measure workers keep ready: those of all phases
  std::vector<search::Candidate> candidates;
  std::map<std::int64_t, schema::TileConfig> default_of_batch;  ///< the engine's, as it really runs
  std::string default_source;                                   ///< where those are known from
  std::vector<KernelSpec> kernels;                              ///< empty unless it compiles
  search::KernelNeeds needs;                                    ///< of the candidates
  std::optional<schema::ExpertCounts> expert_counts;            ///< what the routing stands for
  kernels::AlignmentRule alignment = {};                        ///< how the kernel's launches are sized
  std::optional<KernelSpec> step;                               ///< the rest of the step; empty with a recording
  std::int64_t not_recorded = 0;                                ///< candidates that the recording lacks
  search::SeededBatches seeded;                                 ///< what imported engine files brought in
  search::Seeds siblings;                                       ///< what was found under other routings, other l2
  std::optional<schema::Traffic> traffic;                       ///< what the order of work follows
  search::BatchRanks ranks;                                     ///< of the candidates' batches, by the traffic

  /// How many trials it has, as far as one can say before it runs: a race finds out itself.
  std::int64_t known_trials() const { return races ? 0 : std::ssize(candidates); }
};

/// What is to be tried in a group beside its space, because sweeps of the same problem found it good.
using SiblingsOf = std::function<schema::Result<search::Seeds>(const schema::Group& group)>;

/// The first phase of a sweep; `sets` are those that seed it, and `siblings` tells more of them, for a GPU. Errors:
/// invalid_argument (the kernel does not compute the problem, a bad space, gpus of several names); unavailable (no GPU,
/// no compiler: says what to do); those of kernels::Recording::load. `traffic` says which batches come first, in this
/// phase and those after it, and nothing else; the candidates of a race are the same ones in the same order.
schema::Result<SweepPlan> plan_sweep(const schema::SweepSpec& spec, const Machine& machine,
                                     const std::optional<std::filesystem::path>& recording,
                                     const std::vector<schema::SeedingSet>& sets, const SiblingsOf& siblings = nullptr,
                                     const std::optional<schema::Traffic>& traffic = std::nullopt);

/// The second phase of a sweep whose scan has these rows. Errors: those of plan_sweep.
schema::Result<SweepPlan> plan_measure_phase(const SweepPlan& scan, const schema::SweepSpec& spec,
                                             const Machine& machine, const std::vector<db::ScannedRow>& rows);

/// Whether a sweep that has measured its batches goes on between them.
bool looks_between(const schema::SweepSpec& spec);

/// The last part of a sweep, given what a file would have at each of its batches: at the points between them
/// (search::points_between) the engine's default, the configurations of the nearest batches on either side, and what
/// the file in force runs there (`in_force`, by point), so that one knows whether it may stay. Of a recording only what
/// it has. Nothing where there is no such point. Errors: those of plan_sweep.
schema::Result<std::optional<SweepPlan>> plan_between(const SweepPlan& measured, const schema::SweepSpec& spec,
                                                      const Machine& machine,
                                                      const std::map<std::int64_t, schema::TileConfig>& chosen,
                                                      const std::map<std::int64_t, schema::TileConfig>& in_force = {});

/// The part of a plan that must not change while a sweep is unfinished, as it is stored with the sweep.
nlohmann::json identity_of(const SweepPlan& plan);

}  // namespace moetune::daemon
