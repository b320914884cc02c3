#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "kernels/gpu_device.hpp"
#include "kernels/measure_device.hpp"
#include "kernels/worker_protocol.hpp"
#include "schema/error.hpp"

namespace moetune::kernels {

/// The measure worker's work: a request in, its reply out, one at a time. Holds the device that the last OpenProblem
/// named, a GPU or a recording. For the main thread of its process.
class MeasureWorker {
 public:
  explicit MeasureWorker(GpuDevice::Options options) : options_(options) {}

  Hello hello() const;

  struct Answer {
    nlohmann::json reply;
    bool last = false;  ///< the context is lost: the process is to end at once, without destructors
  };
  /// Errors, which end the worker: invalid_argument for a request that makes no sense, and what the device cannot go on
  /// with.
  schema::Result<Answer> handle(const nlohmann::json& request);

 private:
  MeasureReady open(const OpenProblem& request);

  GpuDevice::Options options_;
  std::unique_ptr<MeasureDevice> device_;
};

}  // namespace moetune::kernels
