#include "schema/lint/shared_memory.hpp"

namespace moetune::schema::lint {
namespace {

struct Widths {
  int a = 2;  ///< bytes of one activation
  int b = 2;  ///< bytes of one weight
};

Widths widths_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::fp8_w8a8:
    case Dtype::int8_w8a8:
      return {1, 1};
    case Dtype::fp8_w8a16:
    case Dtype::int8_w8a16:
      return {2, 1};
    case Dtype::float32:
      return {4, 4};
    case Dtype::none:
    case Dtype::int4_w4a16:
      break;
  }
  return {2, 2};
}

}  // namespace

std::optional<std::int64_t> least_shared_memory(Dtype dtype, const TileConfig& tile, int capability) {
  if (dtype == Dtype::int4_w4a16) return std::nullopt;
  constexpr int k_least_wgmma_rows = 64;
  const Widths widths = widths_of(dtype);
  const bool wgmma =
      capability == 90 && tile.block_size_m >= k_least_wgmma_rows && widths.a == widths.b && widths.a <= 2;
  const std::int64_t buffers = wgmma ? tile.num_stages : tile.num_stages - 1;
  const std::int64_t row = tile.block_size_m * widths.a + tile.block_size_n * widths.b;
  return row * tile.block_size_k * buffers;
}

}  // namespace moetune::schema::lint
