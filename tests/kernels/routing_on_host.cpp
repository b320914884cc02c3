#include "tests/kernels/routing_on_host.hpp"

#include "tests/kernels/device_on_host.hpp"
// The order matters: the device code needs what stands above.
#include "kernels/cuda/routing.cuh"

namespace moetune::kernels::on_host {

DrawnRouting popular_routing(const std::vector<float>& popularity, std::int64_t batch, std::int64_t topk,
                             std::uint64_t seed) {
  constexpr unsigned k_threads = 64;
  const auto pairs = static_cast<std::size_t>(batch * topk);
  DrawnRouting drawn{std::vector<std::int32_t>(pairs), std::vector<float>(pairs)};
  const auto blocks = static_cast<unsigned>((batch + k_threads - 1) / k_threads);
  launch({blocks, 1, 1}, k_threads, [&] {
    ::popular_routing(drawn.topk_ids.data(), drawn.topk_weights.data(), popularity.data(), static_cast<int>(batch),
                      static_cast<int>(topk), static_cast<int>(popularity.size()), seed);
  });
  return drawn;
}

}  // namespace moetune::kernels::on_host
