#include "kernels/stage_timer.hpp"

#include <utility>
#include <vector>

namespace moetune::kernels {

namespace {

/// The intermediate and its quantisation; GEMM 1's own operand is as good a target as any, its values come out the
/// same.
Result<void> quantise_both(const ResidentProblem& resident, std::int64_t batch, const Stream& stream) {
  const auto& problem = resident.problem();
  const Workspace& workspace = resident.workspace();
  const auto columns = problem.intermediate_size;
  auto done = resident.step().quantise(stream, problem, batch * problem.topk, columns, workspace.activation.address(),
                                       workspace.a2.address(), workspace.a2_scale.address());
  if (!done) return done;
  const GemmPointers first = resident.batch(batch).operands(Gemm::first, 0);
  return resident.step().quantise(stream, problem, batch, problem.hidden_size, resident.batch(batch).x(), first.a,
                                  first.a_scale);
}

}  // namespace

Result<std::map<std::string, double>> time_stages(const ResidentProblem& resident, std::int64_t batch, int block_size_m,
                                                  const Stream& stream, ReplayTimer& timer, SteadyTime deadline) {
  const auto& problem = resident.problem();
  const StepKernels& step = resident.step();
  const Workspace& workspace = resident.workspace();
  AlignmentPointers aligned = resident.batch(batch).alignment(0, block_size_m);
  aligned.workspace = workspace.alignment.address();
  std::vector<std::pair<const char*, Recorder>> stages = {
      {"alignment",
       [&] {
         return step.align(stream, problem, batch, block_size_m, resident.batch(batch).topk_ids(0), aligned,
                           resident.batch(batch).plan().rule);
       }},
      {"activation",
       [&] {
         return step.activate(stream, problem, batch * problem.topk, workspace.c1.address(),
                              workspace.activation.address());
       }},
      {"reduction",
       [&] { return step.reduce(stream, problem, batch, workspace.c2.address(), workspace.out.address()); }},
  };
  if (workspace.a2.size() > 0) {
    stages.emplace_back("quantisation", [&] { return quantise_both(resident, batch, stream); });
  }
  std::map<std::string, double> times;
  for (const auto& [name, record] : stages) {
    const auto us = timer.measure_simple(record, deadline);
    if (!us) return std::unexpected(us.error());
    times[name] = *us;
  }
  return times;
}

}  // namespace moetune::kernels
