#include "daemon/sweep/kernel_plan.hpp"

#include <utility>

#include "daemon/sweep/triton_sweep_plan.hpp"
#include "kernels/compile_plan.hpp"
#include "kernels/worker_protocol.hpp"

namespace moetune::daemon {
namespace {

using schema::Result;
using schema::SweepSpec;

KernelSpec cuda_kernel(const kernels::CompileJob& job, const std::string& compiler) {
  auto parts = kernels::artifact_parts(job, compiler);
  if (!parts) return {.name = short_text(job.config), .parts = {}, .refused = parts.error().message, .job = {}};
  nlohmann::json request = kernels::to_json(job);
  request.erase("id");
  request.erase("output");
  return {.name = short_text(job.config), .parts = std::move(*parts), .refused = "", .job = std::move(request)};
}

/// Kernels of the kernel `cuda`, one for each tile.
void apply_cuda_kernels(SweepPlan& plan, const SweepSpec& spec, const Machine& machine) {
  auto tiles = search::one_kernel_per_tile(plan.candidates);
  kernels::CompileJob job{
      .id = 0, .unit = kernels::Unit::gemm, .arch = plan.target, .problem = spec.problem, .config = {}, .output = ""};
  for (const schema::TileConfig& tile : tiles.tiles) {
    job.config = tile;
    plan.kernels.push_back(cuda_kernel(job, machine.compiler));
  }
  plan.needs = std::move(tiles.needs);
}

}  // namespace

Result<void> apply_kernels(SweepPlan& plan, const SweepSpec& spec, const Machine& machine,
                           const CandidatesFor& candidates) {
  if (is_triton_kernel(plan.kernel)) return apply_triton_kernels(plan, spec, machine.triton, candidates);
  apply_cuda_kernels(plan, spec, machine);
  return {};
}

void apply_step_kernels(SweepPlan& plan, const SweepSpec& spec, const Machine& machine) {
  const kernels::CompileJob job{.id = 0,
                                .unit = kernels::Unit::step,
                                .arch = plan.target,
                                .problem = spec.problem,
                                .config = plan.candidates.front().config,  // it depends on no tile, but a job names one
                                .output = ""};
  plan.step = cuda_kernel(job, machine.compiler);
}

}  // namespace moetune::daemon
