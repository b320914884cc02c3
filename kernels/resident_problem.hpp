#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "kernels/residency_plan.hpp"
#include "kernels/resident_batch.hpp"
#include "kernels/step_kernels.hpp"
#include "kernels/weight_pool.hpp"
#include "kernels/worker_protocol.hpp"

namespace moetune::kernels {

/// One problem on the device: weights shared by all batches of the sweep, and what each batch needs of its own. Made
/// once from a seed and kept, so that switching candidates costs nothing here. Move-only; use it on the context's
/// thread, and let it go before its context. The stream and the step kernels are not owned and must outlive it.
class ResidentProblem {
 public:
  /// Allocates and fills everything that `plan` names, and waits until it is there.
  static Result<ResidentProblem> create(const StepKernels& step, const Stream& stream, const OpenProblem& request,
                                        const ResidencyPlan& plan, const ExpertPopularity& popularity = {});

  const schema::Problem& problem() const { return problem_; }
  bool has(std::int64_t batch) const { return batches_.contains(batch); }
  const ResidentBatch& batch(std::int64_t batch) const { return batches_.at(batch); }
  const Workspace& workspace() const { return workspace_; }
  const StepKernels& step() const { return *step_; }

  /// Makes alignment and reference of a batch unless they are there, and waits for them.
  Result<void> prepare(std::int64_t batch, int block_size_m);
  /// Makes all inputs again, because a faulty kernel may have written where it must not.
  Result<void> refill();
  /// Operands of one GEMM, C included. Precondition: prepare(batch, block_size_m).
  GemmPointers operands(std::int64_t batch, Gemm gemm, std::int64_t pass, int block_size_m) const;

 private:
  ResidentProblem(const StepKernels& step, const Stream& stream, WeightPool weights, Workspace workspace)
      : step_(&step), stream_(&stream), weights_(std::move(weights)), workspace_(std::move(workspace)) {}

  const StepKernels* step_;
  const Stream* stream_;
  schema::Problem problem_;
  std::uint64_t seed_ = 0;
  WeightPool weights_;
  Workspace workspace_;
  std::vector<float> popularity_table_;  ///< (rows, E); empty for uniform routing
  DeviceBuffer popularity_;              ///< the same on the device
  std::map<std::int64_t, ResidentBatch> batches_;
};

}  // namespace moetune::kernels
