#include "schema/engine_file_name.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

using testing::HasSubstr;

EngineFileName read(const std::string& name) {
  auto facts = engine_file_name_from_text(name);
  EXPECT_TRUE(facts) << facts.error().message;
  return facts.value_or(EngineFileName());
}

TEST(EngineFileNameTest, ReadsEveryNameThatIsWritten) {
  for (const EngineFormat format : {EngineFormat::vllm, EngineFormat::sglang}) {
    for (const Dtype dtype : {Dtype::none, Dtype::fp8_w8a8, Dtype::fp8_w8a16, Dtype::int8_w8a16, Dtype::int8_w8a8,
                              Dtype::int4_w4a16, Dtype::float32}) {
      for (const bool blocks : {false, true}) {
        for (const bool channels : {false, true}) {
          for (const Gemm gemm : {Gemm::up, Gemm::down}) {
            if (format == EngineFormat::vllm && (gemm == Gemm::down || channels)) continue;
            Problem problem;
            problem.num_experts = 256;
            problem.intermediate_size = 512;
            problem.dtype = dtype;
            if (blocks) problem.block_shape = BlockShape{128, 64};
            problem.per_channel_quant = channels;
            const auto name = engine_file_name(format, "A_(B),_C=D", problem, gemm).value();
            const EngineFileName facts = read("some/folder/" + name);
            EXPECT_EQ(facts.num_experts, 256) << name;
            EXPECT_EQ(facts.intermediate_size, 512) << name;
            EXPECT_EQ(facts.device, "A_(B),_C=D") << name;
            EXPECT_EQ(facts.dtype, dtype) << name;
            EXPECT_EQ(facts.dtype_word, name_of(dtype)) << name;
            EXPECT_EQ(facts.block_shape, problem.block_shape) << name;
            EXPECT_EQ(facts.per_channel_quant, channels) << name;
            EXPECT_EQ(facts.gemm, gemm) << name;
            EXPECT_TRUE(facts.exact) << name;
            const bool telling = blocks || channels || gemm == Gemm::down;
            EXPECT_EQ(facts.format, telling ? std::optional(format) : std::nullopt) << name;
          }
        }
      }
    }
  }
}

TEST(EngineFileNameTest, KeepsWordsThatNoEngineUses) {
  const EngineFileName facts = read("E=64,N=8960,device_name=NVIDIA_H100_80GB_HBM3,dtype=bf16.json");
  EXPECT_EQ(facts.dtype_word, "bf16");
  EXPECT_EQ(facts.dtype, std::nullopt);
  EXPECT_EQ(read("E=8,N=64,device_name=,dtype=int4_w4a16.json").device, "");
  const EngineFileName other = read("E=384,N=256,device_name=AMD_Instinct_MI350X,dtype=int4_w4a16,backend=flydsl.json");
  EXPECT_EQ(other.device, "AMD_Instinct_MI350X");
  EXPECT_EQ(other.backend, "flydsl");
  EXPECT_EQ(other.format, EngineFormat::vllm);
}

TEST(EngineFileNameTest, SpellingsThatNoEngineWritesAreNotExact) {
  for (const char* name :
       {"E=08,N=64,device_name=X.json", "E=8,N=064,device_name=X.json",
        "E=8,N=64,device_name=X,dtype=fp8_w8a8,block_shape=[128,  128].json",
        "E=8,N=64,device_name=X,dtype=fp8_w8a8,block_shape=[0,128].json",
        "E=8,N=64,device_name=X,dtype=fp8_w8a8,block_shape=[128,128],per_channel_quant=True.json",
        "E=8,N=64,device_name=X,dtype=fp8_w8a8,per_channel_quant=False.json", "E=8,N=64,device_name=X,dtype=.json"}) {
    EXPECT_FALSE(read(name).exact) << name;
  }
}

TEST(EngineFileNameTest, RefusesWhatIsNoSuchName) {
  const std::map<std::string, std::string> refused = {
      {"config.json", "does not start with E="},
      {"E=8,N=64,device_name=X", "does not end in .json"},
      {"E=8,N=64.json", "\",device_name=\" must follow N"},
      {"E=8,device_name=X.json", "\",N=\" must follow"},
      {"E=0,N=64,device_name=X.json", "E must be a number"},
      {"E=-8,N=64,device_name=X.json", "E must be a number"},
      {"E=8,N=99999999999999999999,device_name=X.json", "N must be a number"},
      {"E=8,N=64,device_name=X,block_shape=[128].json", "block_shape must be two integers"},
      {"E=8,N=64,device_name=X,per_channel_quant=maybe.json", "per_channel_quant must be True"},
      {"MI60,dtype=fp8_w8a8.json", "does not start with E="},
      {std::string("E=8,N=64,device_name=\0.json", 26), "NUL"},
      {"E=8,N=64,device_name=" + std::string(2000, 'x') + ".json", "more than 1024 bytes"},
      {"", "does not end in .json"},
  };
  for (const auto& [name, reason] : refused) {
    const auto facts = engine_file_name_from_text(name);
    ASSERT_FALSE(facts) << name;
    EXPECT_THAT(facts.error().message, HasSubstr(reason)) << name;
    EXPECT_EQ(facts.error().code, ErrorCode::invalid_argument);
  }
}

TEST(EngineFileNameTest, TellsTheProblemOfATritonFile) {
  const auto problem = problem_of(
      engine_file_name_from_text("E=8,N=512,device_name=X,dtype=fp8_w8a8,block_shape=[128, 128]_down.json").value());
  ASSERT_TRUE(problem);
  EXPECT_EQ(*problem, (Problem{8, 512, 0, 0, Dtype::fp8_w8a8, ActDtype::bfloat16, BlockShape{128, 128}}));
  for (const char* name : {"E=8,N=512,device_name=X,dtype=bf16.json", "E=8,N=512,device_name=X,backend=flydsl.json"}) {
    EXPECT_FALSE(problem_of(engine_file_name_from_text(name).value())) << name;
  }
}

}  // namespace
}  // namespace moetune::schema
