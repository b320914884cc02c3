#include "kernels/step_check.hpp"

#include <fmt/format.h>

#include "kernels/quantisation.hpp"

namespace moetune::kernels {

namespace {

constexpr std::uint8_t k_poison = 0xFF;  // bf16 and fp16 read it as not a number

/// Launches, then waits with a deadline, and adds the time that it took on the device.
class Stretch {
 public:
  static Result<Stretch> create() {
    auto begin = Event::create();
    auto end = Event::create();
    if (!begin || !end) return std::unexpected(begin ? end.error() : begin.error());
    return Stretch(std::move(*begin), std::move(*end));
  }

  template <typename Launches>
  Result<double> run(const Stream& stream, SteadyTime deadline, PowerWatch& watch, const Launches& launches) const {
    auto done = begin_.record(stream);
    if (done) done = launches();
    if (done) done = end_.record(stream);
    if (done) done = wait_bounded(end_, deadline, watch);
    if (!done) return std::unexpected(done.error());
    return Event::elapsed_us(begin_, end_);
  }

 private:
  Stretch(Event begin, Event end) : begin_(std::move(begin)), end_(std::move(end)) {}
  Event begin_, end_;
};

/// Fills the part of C that the candidate is to write.
Result<void> poison(const GemmCandidate& candidate, const Stream& stream, Gemm gemm) {
  constexpr std::int64_t k_act_bytes = 2;
  const auto& problem = candidate.resident().problem();
  const Workspace& workspace = candidate.resident().workspace();
  const auto values = candidate.batch() * problem.topk * gemm_shape(problem, candidate.batch(), gemm).n;
  const DeviceBuffer& c = gemm == Gemm::first ? workspace.c1 : workspace.c2;
  return c.fill(k_poison, stream, static_cast<std::size_t>(values * k_act_bytes));
}

Result<void> poison_both(const GemmCandidate& candidate, const Stream& stream) {
  auto done = poison(candidate, stream, Gemm::first);
  return done ? poison(candidate, stream, Gemm::second) : done;
}

Result<void> launch_both(const GemmCandidate& candidate, const Stream& stream) {
  auto done = candidate.launch(stream, Gemm::first, 0);
  return done ? candidate.launch(stream, Gemm::second, 0) : done;
}

/// From the candidate's own C of GEMM 1 to its C of GEMM 2.
Result<void> launch_rest(const GemmCandidate& candidate, const Stream& stream) {
  const ResidentProblem& resident = candidate.resident();
  const Workspace& workspace = resident.workspace();
  const auto& problem = resident.problem();
  const std::int64_t pairs = candidate.batch() * problem.topk;
  const bool quantised = workspace.a2.size() > 0;
  auto done = poison(candidate, stream, Gemm::second);
  if (done) {
    done = resident.step().activate(stream, problem, pairs, workspace.c1.address(), workspace.activation.address());
  }
  if (!quantised) {
    return done ? candidate.launch_on(stream, Gemm::second, 0, workspace.activation.address(), 0) : done;
  }
  // A scale of the whole tensor is the reference's: it depends on rows that are not compared, and one last bit in its
  // largest value would move all others to new fp8 numbers.
  const bool whole = scale_group(problem, 1, problem.intermediate_size)->rows_share;
  const DeviceAddress scale =
      whole ? resident.batch(candidate.batch()).operands(Gemm::second, 0).a_scale : workspace.a2_scale.address();
  const auto quantise = whole ? &StepKernels::quantise_by : &StepKernels::quantise;
  if (done) {
    done = (resident.step().*quantise)(stream, problem, pairs, problem.intermediate_size,
                                       workspace.activation.address(), workspace.a2.address(), scale);
  }
  return done ? candidate.launch_on(stream, Gemm::second, 0, workspace.a2.address(), scale) : done;
}

}  // namespace

StepBounds bounds_of(const schema::Problem& problem) {
  const bool summed_in_fp8 = quantises_activations(problem) && !problem.block_shape;
  if (!summed_in_fp8) return {.gemm_1 = k_gemm_error_bound, .gemm_2 = k_gemm_error_bound, .step = k_step_error_bound};
  const auto bound_of = [&](Gemm gemm) {
    return k_gemm_error_bound + k_short_sum_error * static_cast<double>(gemm_shape(problem, 1, gemm).k);
  };
  return {.gemm_1 = bound_of(Gemm::first), .gemm_2 = bound_of(Gemm::second), .step = k_row_scaled_step_error_bound};
}

bool is_correct(const StepErrors& errors, const StepBounds& bounds) {
  return errors.gemm_1 <= bounds.gemm_1 && errors.gemm_2 <= bounds.gemm_2 && errors.step <= bounds.step;
}

std::string explain(const StepErrors& errors, const StepBounds& bounds) {
  return fmt::format(
      "relative errors against the reference: GEMM 1 {:.3g} (at most {:.3g} is right), GEMM 2 {:.3g} (at most {:.3g}), "
      "whole step {:.3g} (at most {:.3g})",
      errors.gemm_1, bounds.gemm_1, errors.gemm_2, bounds.gemm_2, errors.step, bounds.step);
}

Result<StepErrors> check_step(const GemmCandidate& candidate, const Stream& stream, SteadyTime deadline,
                              PowerWatch& watch) {
  const ResidentProblem& resident = candidate.resident();
  const Expected expected = resident.batch(candidate.batch()).expected();
  const Workspace& workspace = resident.workspace();
  const auto stretch = Stretch::create();
  if (!stretch) return std::unexpected(stretch.error());
  const auto error_of = [&](Gemm gemm) {
    const bool first = gemm == Gemm::first;
    return resident.step().relative_error(stream, resident.problem(), (first ? workspace.c1 : workspace.c2).address(),
                                          gemm_shape(resident.problem(), candidate.batch(), gemm).n, expected.sample,
                                          first ? expected.gemm_1 : expected.gemm_2, workspace.sums);
  };
  if (auto poisoned = poison_both(candidate, stream); !poisoned) return std::unexpected(poisoned.error());
  const auto both = stretch->run(stream, deadline, watch, [&] { return launch_both(candidate, stream); });
  if (!both) return std::unexpected(both.error());
  const auto gemm_1 = error_of(Gemm::first);
  if (!gemm_1) return std::unexpected(gemm_1.error());
  const auto gemm_2 = error_of(Gemm::second);
  if (!gemm_2) return std::unexpected(gemm_2.error());
  const auto rest = stretch->run(stream, deadline, watch, [&] { return launch_rest(candidate, stream); });
  if (!rest) return std::unexpected(rest.error());
  const auto step = error_of(Gemm::second);
  if (!step) return std::unexpected(step.error());
  return StepErrors{.gemm_1 = *gemm_1, .gemm_2 = *gemm_2, .step = *step, .pass_us = *both, .busy_us = *both + *rest};
}

}  // namespace moetune::kernels
