#include "kernels/probe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/nvml.hpp"

namespace moetune::kernels {
namespace {

using ::testing::HasSubstr;

DeviceFacts sample_facts() {
  DeviceFacts facts;
  facts.has_cuda = true;
  facts.cuda_version = "13.0";
  facts.driver_version = "580.65.06";
  facts.nvrtc = "nvrtc 13.0";
  facts.gpus.push_back({.index = 1,
                        .name = "NVIDIA_H200",
                        .raw_name = "NVIDIA H200",
                        .uuid = "GPU-1",
                        .arch = "sm_90",
                        .compile_arch = "sm_90a",
                        .sm_count = 132,
                        .l2_bytes = 62914560,
                        .shared_optin_bytes = 232448,
                        .memory_bytes = 150'000'000'000,
                        .memory_free_bytes = std::nullopt,
                        .integrated = false,
                        .other_processes = 2});
  facts.lacks.push_back({"no NVML", "install it"});
  return facts;
}

TEST(DeviceFactsTest, ComeBackFromJson) {
  auto facts = sample_facts();
  EXPECT_EQ(device_facts_from_json(to_json(facts)).value(), facts);
  facts.gpus[0].memory_free_bytes = 5;
  EXPECT_EQ(device_facts_from_json(to_json(facts)).value(), facts);
}

TEST(DeviceFactsTest, AreReadStrictly) {
  auto value = to_json(sample_facts());
  value["gpus"][0]["sm_count"] = "many";
  EXPECT_THAT(device_facts_from_json(value).error().message, HasSubstr("gpu.sm_count must be an integer"));
  value = to_json(sample_facts());
  value["lacks"][0].erase("remedy");
  EXPECT_THAT(device_facts_from_json(value).error().message, HasSubstr("lack.remedy is required"));
  EXPECT_FALSE(device_facts_from_json(nlohmann::json::array()));
}

TEST(ThrottleTextTest, NamesReasonsThatMatter) {
  EXPECT_EQ(throttle_text(0), "");
  EXPECT_EQ(throttle_text(0x3), "");  // idle, clocks set by somebody
  EXPECT_EQ(throttle_text(0x44), "sw_power_cap, hw_thermal_slowdown");
}

}  // namespace
}  // namespace moetune::kernels
