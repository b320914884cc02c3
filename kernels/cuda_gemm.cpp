#include "kernels/cuda_gemm.hpp"

#include <utility>

#include "kernels/kernel_fit.hpp"

namespace moetune::kernels {

namespace {
constexpr int k_warp_size = 32;
}

Result<std::unique_ptr<GemmKernel>> CudaGemm::load(const Variant& variant, std::span<const std::byte> cubin,
                                                   std::int64_t shared_limit) {
  const std::int64_t shared = shared_bytes(variant);
  if (auto fits = check_shared(shared, shared_limit); !fits) return std::unexpected(fits.error());
  auto module = Module::load(cubin);
  if (!module) return std::unexpected(module.error());
  const auto function = module->function(k_gemm_entry);
  if (!function) return std::unexpected(function.error());
  if (auto fits = check_threads(*function, variant.num_warps * k_warp_size); !fits)
    return std::unexpected(fits.error());
  if (auto allowed = function->allow_shared(static_cast<unsigned>(shared)); !allowed) {
    return std::unexpected(allowed.error());
  }
  return std::unique_ptr<GemmKernel>(new CudaGemm(variant, std::move(*module), *function));
}

Result<void> CudaGemm::launch(const Stream& stream, const GemmCall& call) const {
  return kernels::launch(
      function_, gemm_launch(call.problem, call.config, variant_, call.batch, call.gemm, call.pointers), stream);
}

}  // namespace moetune::kernels
