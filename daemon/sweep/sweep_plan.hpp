#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "daemon/search/plan.hpp"
#include "daemon/sweep/machine.hpp"
#include "schema/error.hpp"
#include "schema/group.hpp"
#include "schema/sweep_spec.hpp"

namespace moetune::daemon {

/// What a sweep's spec means on this machine: where its rows belong and which trials it has, in their order.
struct SweepPlan {
  schema::Group group;
  std::string arch;       ///< "sm_90"
  std::string target;     ///< "sm_90a"; what kernels are compiled for
  bool compiles = true;   ///< false: a recording without compile
  std::vector<Gpu> gpus;  ///< empty with a recording
  std::optional<std::filesystem::path> recording;
  std::vector<search::Candidate> candidates;
  std::int64_t not_recorded = 0;  ///< candidates of the space that the recording lacks
};

/// Errors: invalid_argument (the kernel does not compute the problem, a bad space, gpus of several names); unavailable
/// (no GPU, no compiler: says what to do); those of kernels::Recording::load.
schema::Result<SweepPlan> plan_sweep(const schema::SweepSpec& spec, const Machine& machine,
                                     const std::optional<std::filesystem::path>& recording);

/// The part of a plan that must not change while a sweep is unfinished, as it is stored with the sweep.
nlohmann::json identity_of(const SweepPlan& plan);

}  // namespace moetune::daemon
