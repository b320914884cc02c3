#include "kernels/triton_gemm.hpp"

#include <utility>

#include "kernels/kernel_fit.hpp"

namespace moetune::kernels {

namespace {
constexpr int k_warp_size = 32;
}

Result<std::unique_ptr<GemmKernel>> TritonGemm::load(TritonLaunch launch, std::span<const std::byte> cubin,
                                                     std::int64_t shared_bytes, std::int64_t shared_limit) {
  if (auto fits = check_shared(shared_bytes, shared_limit); !fits) return std::unexpected(fits.error());
  auto module = Module::load(cubin);
  if (!module) return std::unexpected(module.error());
  const auto function = module->function(launch.name);
  if (!function) return std::unexpected(function.error());
  if (auto fits = check_threads(*function, launch.num_warps * k_warp_size); !fits) return std::unexpected(fits.error());
  if (auto allowed = function->allow_shared(static_cast<unsigned>(shared_bytes)); !allowed) {
    return std::unexpected(allowed.error());
  }
  return std::unique_ptr<GemmKernel>(new TritonGemm(std::move(launch), shared_bytes, std::move(*module), *function));
}

Result<void> TritonGemm::launch(const Stream& stream, const GemmCall& call) const {
  const auto arguments = TritonArguments::of(launch_, call);
  if (!arguments) return std::unexpected(arguments.error());
  const LaunchShape shape{.grid = {.x = static_cast<unsigned>(triton_grid(call))},
                          .block = {.x = static_cast<unsigned>(launch_.num_warps * k_warp_size)},
                          .shared_bytes = static_cast<unsigned>(shared_bytes_),
                          .programmatic = launch_.launch_pdl};
  return function_.launch(shape, stream, arguments->arguments());
}

}  // namespace moetune::kernels
