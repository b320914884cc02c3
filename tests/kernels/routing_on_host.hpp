#pragma once

#include <cstdint>
#include <vector>

namespace moetune::kernels::on_host {

struct DrawnRouting {
  std::vector<std::int32_t> topk_ids;  ///< (batch, topk)
  std::vector<float> topk_weights;     ///< (batch, topk)
};

/// What StepKernels::popular_routing draws, by the device's own code on the CPU.
DrawnRouting popular_routing(const std::vector<float>& popularity, std::int64_t batch, std::int64_t topk,
                             std::uint64_t seed);

}  // namespace moetune::kernels::on_host
