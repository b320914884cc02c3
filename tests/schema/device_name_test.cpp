#include "schema/device_name.hpp"

#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

/// The name in files of one engine, from the driver's.
std::string in_file(EngineFormat engine, std::string_view driver_name) {
  return device_in_file_name(engine, device_from_driver(driver_name)).value_or("refused");
}

TEST(DeviceNameTest, RowsHaveUnderscoresForSpaces) {
  EXPECT_EQ(device_from_driver("NVIDIA H200"), "NVIDIA_H200");
  EXPECT_EQ(device_from_driver("NVIDIA H200 NVL"), "NVIDIA_H200_NVL");
  EXPECT_EQ(device_from_driver("NVIDIA RTX PRO 6000 Blackwell Server Edition"),
            "NVIDIA_RTX_PRO_6000_Blackwell_Server_Edition");
}

TEST(DeviceNameTest, VllmHasOneNameForTheFamilyOfTheH200) {
  for (const char* name : {"NVIDIA H200", "NVIDIA H200 NVL", "H200", "NVIDIA H200 MIG 1g.18gb"}) {
    EXPECT_EQ(in_file(EngineFormat::vllm, name), "NVIDIA_H200") << name;
  }
  EXPECT_EQ(in_file(EngineFormat::vllm, "NVIDIA GH200 480GB"), "NVIDIA_GH200_480GB");
  EXPECT_EQ(in_file(EngineFormat::vllm, "NVIDIA H200e"), "NVIDIA_H200e");
  EXPECT_EQ(in_file(EngineFormat::sglang, "NVIDIA H200 NVL"), "NVIDIA_H200_NVL");
}

TEST(DeviceNameTest, EachEngineGetsItsOwnSpellingOfOddNames) {
  EXPECT_EQ(in_file(EngineFormat::vllm, "A  B"), "A_B");
  EXPECT_EQ(in_file(EngineFormat::sglang, "A  B"), "A__B");
  EXPECT_EQ(in_file(EngineFormat::vllm, "A__B"), "A__B");
  EXPECT_EQ(in_file(EngineFormat::vllm, "AMD Radeon MI50 / MI60"), "AMD_Radeon_MI50_MI60");
  EXPECT_EQ(in_file(EngineFormat::vllm, "A\tB"), "A_B");
  EXPECT_EQ(in_file(EngineFormat::sglang, "A\tB"), "A\tB");
}

TEST(DeviceNameTest, RefusesANameThatWouldBeAPath) {
  EXPECT_EQ(in_file(EngineFormat::sglang, "AMD Radeon MI50/MI60"), "refused");
  EXPECT_EQ(in_file(EngineFormat::vllm, ""), "refused");
  EXPECT_EQ(in_file(EngineFormat::vllm, std::string_view("A\0B", 3)), "refused");
}

}  // namespace
}  // namespace moetune::schema
