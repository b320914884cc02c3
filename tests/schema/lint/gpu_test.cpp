#include "schema/lint/gpu.hpp"

#include <gtest/gtest.h>

namespace moetune::schema::lint {
namespace {

TEST(GpuTest, KnowsTheLimitOfADevice) {
  EXPECT_EQ(known_gpu("NVIDIA_H200")->shared_memory_limit, 232448);
  EXPECT_EQ(known_gpu("NVIDIA_A100-SXM4-80GB")->shared_memory_limit, 166912);
  EXPECT_EQ(known_gpu("NVIDIA_L40S")->shared_memory_limit, 101376);
  EXPECT_EQ(known_gpu("NVIDIA_GB10")->capability, 121);
  EXPECT_EQ(known_gpu("NVIDIA_H100_80GB_HBM3_MIG_1g.10gb")->capability, 90);
  EXPECT_FALSE(known_gpu("NVIDIA_H100"));
  EXPECT_FALSE(known_gpu("AMD_Instinct_MI300X"));
  EXPECT_FALSE(known_gpu(""));
}

TEST(GpuTest, TellsVendorsApart) {
  EXPECT_EQ(vendor_of("NVIDIA_B200"), Vendor::nvidia);
  EXPECT_EQ(vendor_of("Tesla_T4"), Vendor::nvidia);
  EXPECT_EQ(vendor_of("AMD_Instinct_MI300X"), Vendor::amd);
  EXPECT_EQ(vendor_of("Radeon_8060S_Graphics"), Vendor::amd);
  EXPECT_EQ(vendor_of("Intel(R)_Arc(TM)_Pro_B70_Graphics"), Vendor::intel);
  EXPECT_EQ(vendor_of("H200"), Vendor::unknown);
}

TEST(GpuTest, CompletesNamesThatNoDriverReports) {
  EXPECT_EQ(whole_device_name("NVIDIA_H100"), "NVIDIA_H100_80GB_HBM3");
  EXPECT_EQ(whole_device_name("H100"), "NVIDIA_H100_80GB_HBM3");
  EXPECT_EQ(whole_device_name("B200"), "NVIDIA_B200");
  EXPECT_EQ(whole_device_name("NVIDIA_RTX_4090"), "NVIDIA_GeForce_RTX_4090");
  EXPECT_EQ(whole_device_name("MI300X"), "AMD_Instinct_MI300X");
  for (const char* whole :
       {"NVIDIA_H200", "NVIDIA_H100_PCIe", "NVIDIA_H800", "NVIDIA_L20Y", "AMD_Instinct_MI300X", ""}) {
    EXPECT_FALSE(whole_device_name(whole)) << whole;
  }
}

}  // namespace
}  // namespace moetune::schema::lint
