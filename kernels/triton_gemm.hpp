#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "kernels/gemm_kernel.hpp"
#include "kernels/triton_launch.hpp"

namespace moetune::kernels {

/// A kernel that Triton compiled, launched without Triton. It serves one GEMM, or both when nothing tells them apart.
class TritonGemm : public GemmKernel {
 public:
  /// Loads `cubin`, whose blocks take `shared_bytes` of dynamic shared memory. Errors: what loading it failed with; a
  /// kernel that asks for more than the device has (`shared_limit` bytes for a block, registers) is_out_of_resources().
  static Result<std::unique_ptr<GemmKernel>> load(TritonLaunch launch, std::span<const std::byte> cubin,
                                                  std::int64_t shared_bytes, std::int64_t shared_limit);

  Result<void> launch(const Stream& stream, const GemmCall& call) const override;

 private:
  TritonGemm(TritonLaunch launch, std::int64_t shared_bytes, Module module, Function function)
      : launch_(std::move(launch)), shared_bytes_(shared_bytes), module_(std::move(module)), function_(function) {}
  TritonLaunch launch_;
  std::int64_t shared_bytes_;
  Module module_;
  Function function_;
};

}  // namespace moetune::kernels
