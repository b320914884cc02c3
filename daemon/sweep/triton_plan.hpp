#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/alignment_rule.hpp"
#include "schema/error.hpp"
#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

namespace moetune::daemon {

/// What is asked of kernels/triton/plan.py: which compiled kernels a sweep needs.
struct TritonPlanRequest {
  std::string kernel;  ///< vllm, sglang, builtin or NAME.py
  schema::Problem problem;
  std::string arch;    ///< "sm_90a"
  std::string device;  ///< as rows have it: the engines' heuristics may ask for it
  std::vector<std::int64_t> batches;
  std::vector<schema::TileConfig> configs;
  /// One kernel takes every GROUP_SIZE_M at run time, on a changed copy of the kernel's signature; else GROUP_SIZE_M is
  /// compiled in, as the engine does.
  bool group_at_run_time = false;
};
nlohmann::json to_json(const TritonPlanRequest& request);

/// The batches that share kernels, with the artifact of each configuration, by its place in the request; -1 for one
/// that the kernel refuses.
struct TritonClass {
  std::vector<std::int64_t> batches;
  std::vector<std::int64_t> up;    ///< GEMM 1
  std::vector<std::int64_t> down;  ///< GEMM 2
};

/// The answer.
struct TritonPlan {
  std::string kernel_digest;
  kernels::AlignmentRule alignment = {};  ///< how the engine sizes its launches
  std::vector<nlohmann::json> artifacts;  ///< each what one compiled kernel depends on: the "options" of a compile job
  std::vector<TritonClass> classes;
  std::map<std::size_t, std::string> refused;                   ///< by configuration: why the kernel cannot run it
  std::map<std::int64_t, schema::TileConfig> default_of_batch;  ///< by the engine's own heuristic; empty without one
  std::string default_source;
};
/// `request` is what was asked. Errors: invalid_argument with the reason when the kernel cannot be tuned for it;
/// unavailable when the answer makes no sense.
schema::Result<TritonPlan> triton_plan_from_json(const nlohmann::json& answer, const TritonPlanRequest& request);

}  // namespace moetune::daemon
