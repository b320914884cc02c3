#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "kernels/residency_plan.hpp"
#include "kernels/step_kernels.hpp"
#include "kernels/weight_pool.hpp"

namespace moetune::kernels {

/// Intermediates of one step, sized for the largest batch and used by one candidate at a time.
struct Workspace {
  DeviceBuffer c1, activation, a2, a2_scale, c2, out;
  DeviceBuffer alignment;  ///< what align() needs besides its outputs
  DeviceBuffer sums;       ///< what relative_error() needs
  static Result<Workspace> allocate(const schema::Problem& problem, std::int64_t largest_batch);
};

/// What a candidate's outputs are compared with: float (sample.count, columns).
struct Expected {
  PairSample sample;
  DeviceAddress gemm_1 = 0;
  DeviceAddress gemm_2 = 0;
};

/// Inputs, routings, alignments and reference of one batch size, kept on the device. Alignments and the reference are
/// made when they are first wanted. Move-only; use it on the context's thread.
class ResidentBatch {
 public:
  static Result<ResidentBatch> allocate(const schema::Problem& problem, const BatchPlan& plan);
  const BatchPlan& plan() const { return plan_; }

  /// Makes activations and routings from `seed` and forgets alignments and reference; launches only. `popularity`:
  /// float (routings, E) on the device (ExpertPopularity::table), null for uniform routing.
  Result<void> fill(const StepKernels& step, const Stream& stream, std::uint64_t seed, DeviceAddress popularity = 0);
  /// Aligns every routing to row blocks of `block_size_m`, unless that has been done; launches only.
  Result<void> align(const StepKernels& step, const Stream& stream, int block_size_m, const Workspace& workspace);
  /// Computes the reference with pass 0's weights and routing, and GEMM 2's operand from it, unless that has been done;
  /// launches only.
  Result<void> make_reference(const StepKernels& step, const Stream& stream, const WeightPool& weights,
                              const Workspace& workspace);

  /// A and the router's weights for one GEMM of pass number `pass`; the rest is null.
  GemmPointers operands(Gemm gemm, std::int64_t pass) const;
  DeviceAddress topk_ids(std::int64_t pass) const;
  DeviceAddress x() const { return x_.address(); }
  Expected expected() const;
  /// What align(block_size_m) has filled for one pass; its workspace is left null.
  AlignmentPointers alignment(std::int64_t pass, int block_size_m) const;

 private:
  ResidentBatch(const schema::Problem& problem, const BatchPlan& plan) : problem_(problem), plan_(plan) {}
  Result<void> draw_routing(const StepKernels& step, const Stream& stream, std::int64_t i, DeviceAddress popularity);
  Result<void> reference_input_of_gemm_2(const StepKernels& step, const Stream& stream, const Workspace& workspace);
  std::int64_t pairs() const { return plan_.batch * problem_.topk; }

  schema::Problem problem_;
  BatchPlan plan_;
  DeviceBuffer x_, a1_, a1_scale_, a2_, a2_scale_, topk_ids_, topk_weights_, reference_1_, reference_2_;
  std::map<int, DeviceBuffer> alignments_;  // by BLOCK_SIZE_M; one slot for each routing
  bool has_reference_ = false;
  std::uint64_t seed_ = 0;
};

}  // namespace moetune::kernels
