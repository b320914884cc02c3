#include "schema/model_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/model_architecture.hpp"

namespace moetune::schema {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

/// A small Qwen3Moe, with some fields replaced.
json config_with(const json& fields) {
  json config = {{"architectures", {"Qwen3MoeForCausalLM"}},
                 {"dtype", "bfloat16"},
                 {"hidden_size", 2048},
                 {"moe_intermediate_size", 768},
                 {"num_experts", 128},
                 {"num_experts_per_tok", 8}};
  config.update(fields);
  return config;
}

std::string error_of(const json& config, ErrorCode code = ErrorCode::invalid_argument) {
  const auto model = moe_model_from_json(config);
  if (model) return "no error";
  EXPECT_EQ(model.error().code, code) << model.error().message;
  return model.error().message;
}

Quantisation quantised(const json& quantisation) {
  const auto model = moe_model_from_json(config_with({{"quantization_config", quantisation}}));
  EXPECT_TRUE(model.has_value()) << model.error().message;
  return model ? model->quantisation : Quantisation{};
}

json group(const json& weights, bool with_input, const json& targets = {"Linear"}) {
  return {
      {"weights", weights}, {"input_activations", with_input ? json{{"num_bits", 8}} : json()}, {"targets", targets}};
}

json compressed(const json& groups) {
  return {{"quant_method", "compressed-tensors"}, {"config_groups", groups}};
}

std::string quantisation_error(const json& quantisation, ErrorCode code = ErrorCode::invalid_argument) {
  return error_of(config_with({{"quantization_config", quantisation}}), code);
}

TEST(ModelConfigTest, KnowsEveryArchitectureOfTheEngines) {
  for (const char* name :
       {"DeepseekV4ForCausalLM", "DeepseekVLV2ForCausalLM", "PanguProMoEV2ForCausalLM", "Qwen4ExpMoeForCausalLM",
        "Qwen3_5MoeForCausalLM", "ExaoneMoeForCausalLM", "Cohere2MoeForCausalLM", "GraniteMoeSharedForCausalLM",
        "MiniMaxM1ForCausalLM", "MiniMaxM3ForCausalLM", "HYV3ForCausalLM", "DiffusionGemmaForCausalLM",
        "Llama4ForCausalLM", "Grok1ModelForCausalLM"}) {
    EXPECT_NE(find_architecture(name), nullptr) << name;
  }
  for (const char* name : {"", "Qwen3ForCausalLM", "LlamaForCausalLM", "Qwen3MoeishForCausalLM", "Glm4ForCausalLM"})
    EXPECT_EQ(find_architecture(name), nullptr) << name;
  EXPECT_TRUE(find_architecture("MiniMaxM3ForCausalLM")->traits.sglang_fuses_shared_expert);
  EXPECT_FALSE(find_architecture("DeepseekV2ForCausalLM")->traits.sglang_fuses_shared_expert);
}

TEST(ModelConfigTest, ReadsSizesThatOnlyOneFamilyNamesSo) {
  const auto model = moe_model_from_json({{"architectures", {"HYV3ForCausalLM"}},
                                          {"dtype", "bfloat16"},
                                          {"hidden_size", 4096},
                                          {"intermediate_size", 13312},
                                          {"expert_hidden_dim", 1536},
                                          {"num_experts", 192},
                                          {"num_experts_per_tok", 8}});
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_THAT(model->layers, testing::ElementsAre(ExpertLayer{192, 8, 1536}));
  EXPECT_THAT(model->notes, testing::IsEmpty());
}

TEST(ModelConfigTest, ProbesAnUnknownArchitectureAndSaysWhatItTook) {
  const auto model = moe_model_from_json({{"architectures", {"FutureForConditionalGeneration"}},
                                          {"text_config",
                                           {{"d_model", 1024},
                                            {"intermediate_size", 256},
                                            {"moe_num_experts", 32},
                                            {"top_k", 4},
                                            {"torch_dtype", "float16"}}}});
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ(model->architecture, "FutureForConditionalGeneration");
  EXPECT_EQ(model->hidden_size, 1024);
  EXPECT_THAT(model->layers, testing::ElementsAre(ExpertLayer{32, 4, 256}));
  EXPECT_EQ(model->act_dtype, ActDtype::float16);
  ASSERT_EQ(model->notes.size(), 1U);
  EXPECT_THAT(model->notes[0], AllOf(HasSubstr("FutureForConditionalGeneration is not known"),
                                     HasSubstr("E from text_config.moe_num_experts, topk from text_config.top_k"),
                                     HasSubstr("text_config.intermediate_size"), HasSubstr("text_config.d_model")));
}

TEST(ModelConfigTest, ProbesAKnownArchitectureWithOtherNames) {
  json config = config_with({{"num_local_experts", 16}});
  config.erase("num_experts");
  const auto model = moe_model_from_json(config);
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ(model->layers[0].num_experts, 16);
  EXPECT_THAT(model->notes[0], HasSubstr("lacks its usual fields"));
}

TEST(ModelConfigTest, KeepsEveryDistinctLayer) {
  const auto model = moe_model_from_json(config_with({{"architectures", {"HunYuanMoEV1ForCausalLM"}},
                                                      {"num_experts", {1, 16, 16, 64}},
                                                      {"moe_topk", {1, 2, 2, 8}},
                                                      {"moe_intermediate_size", 3072}}));
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_THAT(model->layers, testing::ElementsAre(ExpertLayer{16, 2, 3072}, ExpertLayer{64, 8, 3072}));
}

TEST(ModelConfigTest, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(error_of(json::array()), "config must be a JSON object");
  EXPECT_EQ(error_of(config_with({{"text_config", 3}})), "config.text_config must be an object, not 3");
  EXPECT_EQ(error_of(config_with({{"architectures", "Qwen3MoeForCausalLM"}})),
            "config.architectures must be a list of names");
  EXPECT_THAT(error_of(config_with({{"architectures", {7}}})), HasSubstr("config.architectures[0]"));
  EXPECT_EQ(error_of(config_with({{"num_experts", "many"}})),
            "config.num_experts must be a whole number from 0 to 65536, not \"many\"");
  EXPECT_THAT(error_of(config_with({{"num_experts", 1.5}})), HasSubstr("config.num_experts"));
  EXPECT_THAT(error_of(config_with({{"num_experts", json::array()}})), HasSubstr("config.num_experts lists 0 values"));
  EXPECT_THAT(error_of(config_with({{"hidden_size", 0}})), HasSubstr("config.hidden_size"));
  EXPECT_THAT(error_of(config_with({{"hidden_size", 18446744073709551615U}})), HasSubstr("config.hidden_size"));
  EXPECT_EQ(error_of(config_with({{"num_experts_per_tok", nullptr}})),
            "config.num_experts_per_tok is missing: the model has experts");
  EXPECT_EQ(error_of(config_with({{"num_experts_per_tok", 129}})),
            "config.num_experts_per_tok is 129, more than the 128 experts of config.num_experts");
  EXPECT_EQ(error_of(config_with({{"num_experts", {8, 8}}, {"moe_intermediate_size", {1, 2, 3}}})),
            "config.num_experts lists 2 values and config.moe_intermediate_size 3: both must list one a layer");
  EXPECT_THAT(error_of(config_with({{"dtype", "int8"}})), HasSubstr("config.dtype must be bfloat16"));
  EXPECT_THAT(error_of({{"architectures", {"Gemma4ForCausalLM"}}, {"enable_moe_block", 1}}),
              HasSubstr("config.enable_moe_block must be true or false"));
}

TEST(ModelConfigTest, SaysWhatItAssumedOfTheActivations) {
  auto config = config_with({{"dtype", "float32"}});
  EXPECT_THAT(moe_model_from_json(config)->notes, testing::ElementsAre(HasSubstr("config.dtype is float32")));
  config.erase("dtype");
  EXPECT_THAT(moe_model_from_json(config)->notes, testing::ElementsAre(HasSubstr("bfloat16 is assumed")));
  EXPECT_EQ(moe_model_from_json(config_with({{"dtype", "torch.float16"}}))->act_dtype, ActDtype::float16);
}

TEST(ModelConfigTest, ReadsWhatPythonWritesAndJsonHasNot) {
  const auto config =
      parse_model_config(R"({"a": [0.0, Infinity, -Infinity, NaN], "b\"": "Infinity \\", "c": -1})", "f");
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->dump(), R"({"a":[0.0,null,null,null],"b\"":"Infinity \\","c":-1})");
  EXPECT_THAT(parse_model_config("{\"a\": Inf}", "f.json").error().message, HasSubstr("f.json is not valid JSON"));
}

TEST(ModelQuantisationTest, ReadsEveryFormWithAFile) {
  const Quantisation block{Dtype::fp8_w8a8, BlockShape{128, 64}, false};
  EXPECT_EQ(quantised({{"quant_method", "fp8"}, {"weight_block_size", {128, 64}}}), block);
  EXPECT_EQ(quantised({{"quant_method", "fp8"}, {"weight_block_size", nullptr}}).dtype, Dtype::fp8_w8a8);
  const json fp8 = {{"num_bits", 8}, {"type", "float"}, {"strategy", "block"}, {"block_structure", {128, 64}}};
  EXPECT_EQ(quantised(compressed({{"group_0", group(fp8, true)}})), block);
  json text = fp8;
  text["block_structure"] = "128x64";
  EXPECT_EQ(quantised(compressed({{"group_0", group(text, true)}})), block);
  const json channel = {{"num_bits", 8}, {"type", "float"}, {"strategy", "channel"}};
  EXPECT_EQ(quantised(compressed({{"g", group(channel, true)}})), (Quantisation{Dtype::fp8_w8a8, {}, true}));
  EXPECT_EQ(quantised(compressed({{"g", group(channel, false)}})), (Quantisation{Dtype::fp8_w8a16, {}, true}));
  const json int8 = {{"num_bits", 8}, {"type", "int"}, {"strategy", "channel"}};
  EXPECT_EQ(quantised(compressed({{"g", group(int8, true)}})), (Quantisation{Dtype::int8_w8a8, {}, true}));
  EXPECT_EQ(quantised(compressed({{"g", group(int8, false)}})), (Quantisation{Dtype::int8_w8a16, {}, false}));
  const json int4 = {{"num_bits", 4}, {"type", "int"}, {"strategy", "group"}, {"group_size", 32}};
  EXPECT_EQ(quantised(compressed({{"g", group(int4, false)}})),
            (Quantisation{Dtype::int4_w4a16, BlockShape{0, 32}, false}));
  EXPECT_EQ(quantised({{"quant_method", "awq"}, {"bits", 4}, {"group_size", 64}}),
            (Quantisation{Dtype::int4_w4a16, BlockShape{0, 64}, false}));
  EXPECT_EQ(quantised({{"quant_method", "gptq"}, {"bits", 4}, {"group_size", -1}}),
            (Quantisation{Dtype::int4_w4a16, {}, false}));
  EXPECT_EQ(quantised({{"quant_method", "experts_int8"}}).dtype, Dtype::int8_w8a16);
  EXPECT_EQ(quantised({{"quant_method", "w8a8_fp8"}}), (Quantisation{Dtype::fp8_w8a8, {}, true}));
  EXPECT_EQ(quantised({{"quant_method", "w8a8_int8"}}), (Quantisation{Dtype::int8_w8a8, {}, true}));
  EXPECT_EQ(quantised({{"quant_method", "modelopt"}, {"quantization", {{"quant_algo", "FP8"}}}}).dtype,
            Dtype::fp8_w8a8);
  EXPECT_EQ(quantised({{"quant_method", "quark"},
                       {"global_quant_config", {{"weight", {{"dtype", "fp8_e4m3"}, {"qscheme", "per_channel"}}}}}}),
            (Quantisation{Dtype::fp8_w8a8, {}, true}));
}

TEST(ModelQuantisationTest, TakesTheGroupOfTheExperts) {
  const json int4 = {{"num_bits", 4}, {"type", "int"}, {"group_size", 32}};
  const json fp8 = {{"num_bits", 8}, {"type", "float"}, {"strategy", "channel"}};
  EXPECT_EQ(quantised(compressed({{"a", group(fp8, true)}, {"b", group(int4, false, {"re:.*mlp.experts.*"})}})).dtype,
            Dtype::int4_w4a16);
  EXPECT_EQ(quantised(compressed({{"a", group(fp8, true)}, {"b", group(fp8, true)}})).dtype, Dtype::fp8_w8a8);
  EXPECT_THAT(quantisation_error(compressed({{"a", group(fp8, true)}, {"b", group(int4, false)}})),
              HasSubstr("config.quantization_config.config_groups has groups that quantise differently"));
}

TEST(ModelQuantisationTest, KnowsTheFormsThatReadNoFile) {
  const json fp4 = {{"num_bits", 4}, {"type", "float"}};
  for (const json& form : {json{{"quant_method", "mxfp4"}}, json{{"quant_method", "nvfp4"}},
                           json{{"quant_method", "modelopt"}, {"quant_algo", "nvfp4"}}, json{{"quant_method", "gguf"}},
                           compressed({{"g", group(fp4, true)}}),
                           json{{"quant_method", "quark"}, {"global_quant_config", {{"weight", {{"dtype", "fp4"}}}}}}})
    EXPECT_THAT(quantisation_error(form, ErrorCode::conflict), HasSubstr("read no tuned file")) << form;
}

TEST(ModelQuantisationTest, NamesWhatIsWrong) {
  const std::string start = "config.quantization_config";
  EXPECT_THAT(quantisation_error(4), HasSubstr(start + " must be an object"));
  EXPECT_THAT(quantisation_error(json::object()), HasSubstr(start + ".quant_method is missing"));
  EXPECT_THAT(quantisation_error({{"quant_method", "secret"}}), HasSubstr("quant_method \"secret\""));
  EXPECT_THAT(quantisation_error({{"quant_method", 8}}), HasSubstr(start + ".quant_method must be a short text"));
  EXPECT_THAT(quantisation_error({{"quant_method", "fp8"}, {"weight_block_size", {128}}}),
              HasSubstr(start + ".weight_block_size must be two sizes"));
  EXPECT_THAT(quantisation_error({{"quant_method", "fp8"}, {"weight_block_size", "128x"}}),
              HasSubstr(start + ".weight_block_size must be two sizes"));
  EXPECT_THAT(quantisation_error({{"quant_method", "awq"}, {"bits", 3}}), HasSubstr("3 bits"));
  EXPECT_THAT(quantisation_error({{"quant_method", "awq"}}), HasSubstr(start + ".bits is missing"));
  EXPECT_THAT(quantisation_error({{"quant_method", "gptq"}, {"bits", 4}, {"group_size", 0}}),
              HasSubstr(start + ".group_size must not be 0"));
  EXPECT_THAT(quantisation_error(compressed(json::object())), HasSubstr(start + ".config_groups"));
  EXPECT_THAT(quantisation_error(compressed({{"g", 1}})), HasSubstr(start + ".config_groups.g must be an object"));
  EXPECT_THAT(quantisation_error(compressed({{"g", {{"weights", 1}}}})), HasSubstr("config_groups.g.weights"));
  EXPECT_THAT(quantisation_error(compressed({{"g", group({{"type", "int"}}, false)}})),
              HasSubstr("num_bits is missing"));
  EXPECT_THAT(
      quantisation_error(compressed({{"g", group({{"num_bits", 8}, {"type", "float"}, {"strategy", "block"}}, true)}})),
      HasSubstr("block_structure is missing"));
}

}  // namespace
}  // namespace moetune::schema
