#include "schema/engine_file.hpp"

#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

Problem fp8_problem() {
  return {256, 512, 2048, 8, Dtype::fp8_w8a8, ActDtype::bfloat16, BlockShape{128, 128}, true, false};
}

TEST(EngineFileTest, NamesAreExactToTheByte) {
  Problem problem = fp8_problem();
  EXPECT_EQ(engine_file_name(EngineFormat::vllm, "NVIDIA_H200", problem).value(),
            "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json");
  EXPECT_EQ(engine_file_name(EngineFormat::sglang, "NVIDIA_H200", problem).value(),
            "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128].json");
  problem.block_shape.reset();
  problem.per_channel_quant = true;
  problem.router_weight_on_input = true;  // names carry it as little as `gated`
  EXPECT_EQ(engine_file_name(EngineFormat::sglang, "NVIDIA_L20", problem).value(),
            "E=256,N=512,device_name=NVIDIA_L20,dtype=fp8_w8a8,per_channel_quant=True.json");
  EXPECT_EQ(engine_file_name(EngineFormat::vllm, "NVIDIA_L20", problem).value(),
            "E=256,N=512,device_name=NVIDIA_L20,dtype=fp8_w8a8.json");
  problem.dtype = Dtype::int4_w4a16;
  problem.block_shape = BlockShape{0, 128};
  problem.per_channel_quant = false;
  EXPECT_EQ(engine_file_name(EngineFormat::vllm, "NVIDIA_L20", problem).value(),
            "E=256,N=512,device_name=NVIDIA_L20,dtype=int4_w4a16.json");
  problem.dtype = Dtype::none;
  problem.block_shape.reset();
  EXPECT_EQ(engine_file_name(EngineFormat::vllm, "NVIDIA_L20", problem).value(),
            "E=256,N=512,device_name=NVIDIA_L20.json");
}

TEST(EngineFileTest, RefusesADeviceNameThatIsAPath) {
  EXPECT_FALSE(engine_file_name(EngineFormat::sglang, "AMD_Radeon_MI50/MI60", fp8_problem()));
}

TEST(EngineFileTest, BytesAreWhatTheEnginesWrite) {
  const std::vector<std::pair<std::int64_t, TileConfig>> configs = {{1, {16, 128, 128, 1, 4, 3}},
                                                                    {64, {64, 128, 128, 16, 4, 4}}};
  const std::string rows =
      "    \"1\": {\n        \"BLOCK_SIZE_M\": 16,\n        \"BLOCK_SIZE_N\": 128,\n        \"BLOCK_SIZE_K\": 128,\n"
      "        \"GROUP_SIZE_M\": 1,\n        \"num_warps\": 4,\n        \"num_stages\": 3\n    },\n"
      "    \"64\": {\n        \"BLOCK_SIZE_M\": 64,\n        \"BLOCK_SIZE_N\": 128,\n        \"BLOCK_SIZE_K\": 128,\n"
      "        \"GROUP_SIZE_M\": 16,\n        \"num_warps\": 4,\n        \"num_stages\": 4\n    }\n}\n";
  EXPECT_EQ(engine_file_bytes(EngineFormat::vllm, configs, "3.6.0"), "{\n    \"triton_version\": \"3.6.0\",\n" + rows);
  EXPECT_EQ(engine_file_bytes(EngineFormat::vllm, configs, std::nullopt), "{\n" + rows);
  EXPECT_EQ(engine_file_bytes(EngineFormat::sglang, configs, "3.6.0"), "{\n" + rows);
}

TEST(EngineFileTest, SglangHasASecondFileForGemm2) {
  Problem problem = fp8_problem();
  EXPECT_EQ(engine_file_name(EngineFormat::sglang, "NVIDIA_H200", problem, Gemm::down).value(),
            "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128]_down.json");
  problem.block_shape.reset();
  problem.per_channel_quant = true;
  EXPECT_EQ(engine_file_name(EngineFormat::sglang, "NVIDIA_H200", problem, Gemm::down).value(),
            "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,per_channel_quant=True_down.json");
  EXPECT_EQ(engine_file_name(EngineFormat::vllm, "NVIDIA_H200", problem, Gemm::down).error().message,
            "gemm \"down\" needs format sglang: a vllm file holds one tile for both GEMMs");
}

TEST(EngineFileTest, EachFileHoldsTheTilesOfItsGemmUnderTheSameKeys) {
  const TileConfig shared{16, 128, 128, 1, 4, 3};
  const TileConfig up{64, 128, 128, 16, 4, 4};
  const TileConfig down{64, 64, 128, 1, 8, 2};
  const std::vector<std::pair<std::int64_t, TileConfig>> configs = {{1, shared}, {64, paired(up, down)}};
  EXPECT_EQ(engine_file_bytes(EngineFormat::sglang, configs, "3.6.0", Gemm::up),
            engine_file_bytes(EngineFormat::sglang, {{1, shared}, {64, up}}, std::nullopt));
  EXPECT_EQ(engine_file_bytes(EngineFormat::sglang, configs, "3.6.0", Gemm::down),
            engine_file_bytes(EngineFormat::sglang, {{1, shared}, {64, down}}, std::nullopt));
}

TEST(EngineFileTest, GemmsHaveNames) {
  for (const Gemm gemm : {Gemm::up, Gemm::down}) EXPECT_EQ(gemm_from_name(name_of(gemm)).value(), gemm);
  EXPECT_EQ(gemm_from_name("both").error().message, "gemm \"both\" is not known; use up or down");
}

TEST(EngineFileTest, TritonVersionComesFromTheCompilersName) {
  EXPECT_EQ(triton_version_of("triton 3.6.0"), "3.6.0");
  EXPECT_EQ(triton_version_of("nvrtc 13.0"), std::nullopt);
}

}  // namespace
}  // namespace moetune::schema
