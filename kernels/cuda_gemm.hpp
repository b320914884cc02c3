#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "kernels/cuda_kernel.hpp"
#include "kernels/gemm_kernel.hpp"

namespace moetune::kernels {

/// The kernel `cuda`, loaded: one module for both GEMMs, all batches and every GROUP_SIZE_M.
class CudaGemm : public GemmKernel {
 public:
  /// Loads `cubin`, built from `variant`. Errors: what loading it failed with; a kernel that asks for more than the
  /// device has (`shared_limit` bytes of shared memory for a block, or registers) is_out_of_resources().
  static Result<std::unique_ptr<GemmKernel>> load(const Variant& variant, std::span<const std::byte> cubin,
                                                  std::int64_t shared_limit);

  Result<void> launch(const Stream& stream, const GemmCall& call) const override;

 private:
  CudaGemm(const Variant& variant, Module module, Function function)
      : variant_(variant), module_(std::move(module)), function_(function) {}
  Variant variant_;
  Module module_;
  Function function_;
};

}  // namespace moetune::kernels
