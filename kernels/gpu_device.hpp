#pragma once

#include <chrono>
#include <memory>

#include "kernels/measure_device.hpp"

namespace moetune::kernels {

/// Measures on a GPU: checks a candidate against the reference the first time it runs for a batch, then times it by
/// graph replays. Owns the CUDA context and everything on the device. For the main thread of a measure worker. A reply
/// with context_lost is the last one: nothing works on the device any more, and not even the destructor may run.
class GpuDevice : public MeasureDevice {
 public:
  struct Options {
    /// For one job, without resting and without the reference that a batch's first job makes.
    std::chrono::milliseconds time_limit = std::chrono::seconds(20);
  };

  /// Errors: unavailable (no driver, no such GPU), invalid_argument (a problem or routing that is not supported),
  /// too_large (memory, with both figures), data_damaged (the step artifact).
  static schema::Result<std::unique_ptr<GpuDevice>> open(const OpenProblem& request, const Options& options);
  ~GpuDevice() override;

  /// job.apart times each GEMM in a graph of its own, whose replays take turns; a sample is the sum of both. The same
  /// operands and the same distance between two uses of a weight set as together, but between two passes of a GEMM the
  /// other one does not go through the L2: the sum may lie some percent below what both take together.
  schema::Result<MeasureReply> measure(const MeasureJob& job) override;

 private:
  struct State;
  explicit GpuDevice(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace moetune::kernels
