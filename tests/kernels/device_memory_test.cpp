#include "kernels/device_memory.hpp"

#include <gtest/gtest.h>

namespace moetune::kernels {
namespace {

constexpr std::int64_t k_gib = 1LL << 30;

TEST(DeviceMemoryTest, ReadsMemAvailable) {
  EXPECT_EQ(available_from_meminfo("MemTotal:       131072 kB\nMemAvailable:    65536 kB\nBuffers: 1 kB\n"),
            65536 * 1024);
  EXPECT_FALSE(available_from_meminfo("MemTotal: 131072 kB\n"));
  EXPECT_FALSE(available_from_meminfo("MemAvailable:   \n"));
}

TEST(DeviceMemoryTest, ADiscreteGpuHasWhatTheDriverSays) {
  DeviceInfo device;
  EXPECT_EQ(allocatable_bytes(device, {.free = 20 * k_gib, .total = 24 * k_gib}, 100 * k_gib), 20 * k_gib);
}

TEST(DeviceMemoryTest, UnifiedMemoryCountsWhatTheHostCouldGiveBack) {
  DeviceInfo device;
  device.integrated = true;
  // The page cache holds 80 of 120 GiB: the driver sees 10 free, the kernel would give back 90.
  const MemoryInfo memory{.free = 10 * k_gib, .total = 120 * k_gib};
  EXPECT_EQ(allocatable_bytes(device, memory, 90 * k_gib), 78 * k_gib);
  EXPECT_EQ(allocatable_bytes(device, memory, 5 * k_gib), 0);
  EXPECT_EQ(allocatable_bytes(device, memory, std::nullopt), 10 * k_gib);
}

}  // namespace
}  // namespace moetune::kernels
