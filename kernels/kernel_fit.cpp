#include "kernels/kernel_fit.hpp"

#include <fmt/format.h>

namespace moetune::kernels {

using schema::fail;

Result<void> check_shared(std::int64_t bytes, std::int64_t limit) {
  if (bytes <= limit) return {};
  return fail(ErrorCode::unavailable, fmt::format("needs {} bytes of shared memory, a block has {}", bytes, limit),
              {{"out_of_resources", true}});
}

Result<void> check_threads(const Function& function, int threads) {
  const auto attributes = function.attributes();
  if (!attributes) return std::unexpected(attributes.error());
  if (attributes->max_threads >= threads) return {};
  return fail(ErrorCode::unavailable,
              fmt::format("a block has {} threads of {} registers; the device has room for {} threads", threads,
                          attributes->registers, attributes->max_threads),
              {{"out_of_resources", true}});
}

}  // namespace moetune::kernels
