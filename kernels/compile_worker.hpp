#pragma once

#include "kernels/nvrtc.hpp"
#include "kernels/worker_protocol.hpp"
#include "schema/error.hpp"

namespace moetune::kernels {

/// The compile worker's work, one job at a time: job in, cubin written, reply out. Holds the compiler; runs in a
/// process of its own because compilers crash, hang and leak. Not thread-safe.
class CompileWorker {
 public:
  /// Errors: unavailable when there is no NVRTC.
  static schema::Result<CompileWorker> create();

  Hello hello() const;
  /// A refused or failed compile is a reply. Errors, which end the worker: internal when the compiler itself broke, io
  /// when the output cannot be written.
  schema::Result<CompileReply> run(const CompileJob& job) const;

 private:
  explicit CompileWorker(Nvrtc compiler);
  Nvrtc compiler_;
};

}  // namespace moetune::kernels
