#pragma once

#include "kernels/worker_protocol.hpp"
#include "schema/error.hpp"

namespace moetune::kernels {

/// Where times come from: a GPU or a recording, opened for one problem.
class MeasureDevice {
 public:
  virtual ~MeasureDevice() = default;
  /// Whatever a candidate does wrong is a reply. Errors are for what the worker cannot go on with.
  virtual schema::Result<MeasureReply> measure(const MeasureJob& job) = 0;
};

}  // namespace moetune::kernels
