#include "schema/model_shape.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/sweep_spec.hpp"

namespace moetune::schema {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

MoeModel deepseek_v3() {
  MoeModel model;
  model.architecture = "DeepseekV3ForCausalLM";
  model.hidden_size = 7168;
  model.layers = {{256, 8, 2048}};
  model.sglang_fuses_shared_expert = true;
  model.quantisation = {Dtype::fp8_w8a8, BlockShape{128, 128}, false};
  return model;
}

json two_layers() {
  return {{"architectures", {"Ernie4_5_VLMoeForConditionalGeneration"}},
          {"dtype", "bfloat16"},
          {"hidden_size", 2560},
          {"moe_num_experts", {64, 64}},
          {"moe_k", 6},
          {"moe_intermediate_size", {1536, 512}}};
}

TEST(ModelShapeTest, TensorParallelismCutsEveryExpert) {
  const auto shapes = shapes_of(deepseek_v3(), {8, false});
  ASSERT_TRUE(shapes.has_value());
  ASSERT_EQ(shapes->size(), 1U);
  EXPECT_EQ(short_text(shapes->front().vllm), "E=256,N=256,hidden_size=7168,topk=8,fp8_w8a8,block_shape=[128,128]");
  EXPECT_EQ(short_text(shapes->front().sglang), "E=257,N=256,hidden_size=7168,topk=9,fp8_w8a8,block_shape=[128,128]");
}

TEST(ModelShapeTest, ExpertParallelismSpreadsWholeExperts) {
  const auto shapes = shapes_of(deepseek_v3(), {8, true});
  ASSERT_TRUE(shapes.has_value());
  EXPECT_EQ(shapes->front().vllm.num_experts, 32);
  EXPECT_EQ(shapes->front().vllm.intermediate_size, 2048);
  EXPECT_EQ(shapes->front().sglang.num_experts, 33);
  EXPECT_EQ(shapes->front().sglang.intermediate_size, 2048);
}

TEST(ModelShapeTest, RefusesWhatDoesNotDivide) {
  EXPECT_EQ(shapes_of(deepseek_v3(), {3, false}).error().message,
            "the intermediate size 2048 cannot be divided by 3 ranks: 2 is left over");
  EXPECT_EQ(shapes_of(deepseek_v3(), {12, true}).error().message,
            "the number of experts 256 cannot be divided by 12 ranks: 4 is left over");
}

TEST(ModelShapeTest, NamesTheFilesOfBothEngines) {
  const auto shapes = shapes_of(deepseek_v3(), {4, false});
  EXPECT_THAT(*file_names(EngineFormat::vllm, "NVIDIA_H200", shapes->front()),
              ElementsAre("E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json"));
  EXPECT_THAT(*file_names(EngineFormat::sglang, "NVIDIA_H200", shapes->front()),
              ElementsAre("E=257,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128].json",
                          "E=257,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128]_down.json"));
  EXPECT_FALSE(file_names(EngineFormat::sglang, "MI50/MI60", shapes->front()).has_value());
}

TEST(ModelShapeTest, SglangCountsPackedWeights) {
  auto model = deepseek_v3();
  model.quantisation = {Dtype::int4_w4a16, BlockShape{0, 32}, false};
  const auto shapes = shapes_of(model, {4, false});
  EXPECT_THAT(*file_names(EngineFormat::vllm, "G", shapes->front()),
              ElementsAre("E=256,N=512,device_name=G,dtype=int4_w4a16.json"));
  EXPECT_THAT(file_names(EngineFormat::sglang, "G", shapes->front())->front(),
              "E=257,N=256,device_name=G,dtype=int4_w4a16.json");
}

TEST(ModelShapeTest, JsonHasTheFieldsOfTheContract) {
  const auto shapes = shapes_of(deepseek_v3(), {8, true});
  EXPECT_EQ(
      to_json(shapes->front(), "G")->dump(),
      R"({"architecture":"DeepseekV3ForCausalLM","tp":8,"ep":true,"hidden_size":7168,"topk":8,"dtype":"fp8_w8a8",)"
      R"("act_dtype":"bfloat16","block_shape":[128,128],"gated":true,"engines":{"vllm":{"E":32,"N":2048,"file":)"
      R"("E=32,N=2048,device_name=G,dtype=fp8_w8a8,block_shape=[128,128].json"},"sglang":{"E":33,"N":2048,"files":[)"
      R"("E=33,N=2048,device_name=G,dtype=fp8_w8a8,block_shape=[128, 128].json",)"
      R"("E=33,N=2048,device_name=G,dtype=fp8_w8a8,block_shape=[128, 128]_down.json"]}}})");
  const auto unnamed = *to_json(shapes->front(), std::nullopt);
  EXPECT_EQ(unnamed["engines"]["vllm"]["file"], nullptr);
  EXPECT_EQ(unnamed["engines"]["sglang"]["files"], ordered_json::array());
}

TEST(ModelSweepTest, AModelTakesTheProblemsPlace) {
  json model = two_layers();
  model["moe_intermediate_size"] = 1536;
  const auto spec = sweep_spec_from_json({{"model", model}, {"tp", 4}, {"kernel", "vllm"}});
  ASSERT_TRUE(spec.has_value()) << spec.error().message;
  EXPECT_EQ(short_text(spec->problem), "E=64,N=384,hidden_size=2560,topk=6,bfloat16");
  const auto spread = sweep_spec_from_json({{"model", model}, {"tp", 4}, {"ep", true}});
  EXPECT_EQ(short_text(spread->problem), "E=16,N=1536,hidden_size=2560,topk=6,bfloat16");
}

TEST(ModelSweepTest, AKernelOfSglangGetsSglangsShape) {
  const json model = {
      {"architectures", {"Llama4ForConditionalGeneration"}},
      {"text_config",
       {{"hidden_size", 5120}, {"intermediate_size", 8192}, {"num_local_experts", 16}, {"num_experts_per_tok", 1}}}};
  EXPECT_EQ(short_text(sweep_spec_from_json({{"model", model}, {"tp", 8}, {"kernel", "sglang"}})->problem),
            "E=17,N=1024,hidden_size=5120,topk=2,bfloat16,router_weight_on_input");
  EXPECT_EQ(short_text(sweep_spec_from_json({{"model", model}, {"tp", 8}})->problem),
            "E=16,N=1024,hidden_size=5120,topk=1,bfloat16,router_weight_on_input");
}

TEST(ModelSweepTest, SizesBesideAModelChooseAmongItsShapes) {
  const auto refused = sweep_spec_from_json({{"model", two_layers()}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(refused.error().message,
            "sweep.model has several shapes; choose one with E, N or topk beside the model: E=64, N=1536, "
            "hidden_size=2560, topk=6; E=64, N=512, hidden_size=2560, topk=6");
  EXPECT_EQ(refused.error().detail["shapes"].size(), 2U);
  EXPECT_EQ(sweep_spec_from_json({{"model", two_layers()}, {"N", 512}})->problem.intermediate_size, 512);
  EXPECT_THAT(sweep_spec_from_json({{"model", two_layers()}, {"N", 513}}).error().message,
              HasSubstr("has no shape with the E, N"));
}

TEST(ModelSweepTest, OtherFieldsOfTheProblemReplaceTheModels) {
  json model = two_layers();
  model["moe_intermediate_size"] = 1536;
  model["quantization_config"] = {{"quant_method", "fp8"}, {"weight_block_size", {128, 128}}};
  EXPECT_EQ(short_text(sweep_spec_from_json({{"model", model}})->problem),
            "E=64,N=1536,hidden_size=2560,topk=6,fp8_w8a8,block_shape=[128,128]");
  EXPECT_EQ(short_text(sweep_spec_from_json({{"model", model}, {"dtype", nullptr}, {"act_dtype", "float16"}})->problem),
            "E=64,N=1536,hidden_size=2560,topk=6,float16");
}

TEST(ModelSweepTest, NamesWhatIsWrong) {
  const auto message = [](const json& sweep) { return sweep_spec_from_json(sweep).error().message; };
  EXPECT_EQ(message({{"model", "config.json"}}), "sweep.model must be the object of a config.json");
  EXPECT_EQ(message({{"model", json::object()}}).substr(0, 29), "sweep.model: nothing to tune:");
  EXPECT_EQ(sweep_spec_from_json({{"model", json::object()}}).error().code, ErrorCode::conflict);
  EXPECT_THAT(message({{"model", two_layers()}, {"tp", 0}}), HasSubstr("sweep.tp must be between 1"));
  EXPECT_THAT(message({{"model", two_layers()}, {"ep", 2}}), HasSubstr("sweep.ep must be true or false"));
  EXPECT_THAT(message({{"model", two_layers()}, {"tp", 7}}), HasSubstr("1536 cannot be divided by 7 ranks"));
  EXPECT_EQ(message({{"E", 8}, {"N", 16}, {"hidden_size", 64}, {"topk", 2}, {"tp", 2}}), "sweep.tp goes with model");
  EXPECT_THAT(message({{"model", two_layers()}, {"N", 512}, {"speed", 9}}), HasSubstr("sweep has no field \"speed\""));
}

}  // namespace
}  // namespace moetune::schema
