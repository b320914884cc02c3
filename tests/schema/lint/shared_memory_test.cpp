#include "schema/lint/shared_memory.hpp"

#include <gtest/gtest.h>

namespace moetune::schema::lint {
namespace {

TEST(SharedMemoryTest, CountsBuffersByArchitecture) {
  const TileConfig small{16, 128, 128, 1, 4, 3};
  const TileConfig large{64, 128, 128, 1, 4, 3};
  EXPECT_EQ(least_shared_memory(Dtype::fp8_w8a8, small, 90), (16 + 128) * 128 * 2);
  EXPECT_EQ(least_shared_memory(Dtype::fp8_w8a8, large, 90), (64 + 128) * 128 * 3);
  EXPECT_EQ(least_shared_memory(Dtype::fp8_w8a8, large, 89), (64 + 128) * 128 * 2);
  EXPECT_EQ(least_shared_memory(Dtype::none, large, 90), (64 + 128) * 128 * 2 * 3);
}

TEST(SharedMemoryTest, WeightsMayBeNarrowerThanActivations) {
  const TileConfig tile{64, 128, 64, 1, 4, 3};
  EXPECT_EQ(least_shared_memory(Dtype::int8_w8a16, tile, 90), (64 * 2 + 128) * 64 * 2);
  EXPECT_EQ(least_shared_memory(Dtype::float32, tile, 90), (64 + 128) * 64 * 4 * 2);
  EXPECT_EQ(least_shared_memory(Dtype::int4_w4a16, tile, 90), std::nullopt);
}

// Rows measured on an NVIDIA H200 with Triton 3.6 (block fp8): the largest that ran, the smallest that did not.
TEST(SharedMemoryTest, AgreesWithWhatRanAndWhatDidNot) {
  constexpr std::int64_t k_limit = 232448;
  EXPECT_LE(least_shared_memory(Dtype::fp8_w8a8, {64, 256, 128, 1, 4, 5}, 90), k_limit);
  EXPECT_LE(least_shared_memory(Dtype::fp8_w8a8, {256, 128, 128, 1, 8, 4}, 90), k_limit);
  EXPECT_GT(least_shared_memory(Dtype::fp8_w8a8, {256, 128, 128, 1, 8, 5}, 90), k_limit);
  EXPECT_GT(least_shared_memory(Dtype::fp8_w8a8, {256, 256, 128, 1, 8, 4}, 90), k_limit);
}

}  // namespace
}  // namespace moetune::schema::lint
