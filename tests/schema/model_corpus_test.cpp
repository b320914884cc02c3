// The shapes of models that everybody can look up: tests/schema/model_configs/NAME.json holds the fields that matter.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "schema/model_config.hpp"

namespace moetune::schema {
namespace {

constexpr BlockShape k_block{128, 128};

struct KnownModel {
  const char* file;
  std::int64_t hidden_size;
  std::vector<ExpertLayer> layers;  ///< E, topk, intermediate size
  Quantisation quantisation = {};
  bool gated = true;
  bool router_weight_on_input = false;
  bool sglang_fuses_shared_expert = false;
  ActDtype act_dtype = ActDtype::bfloat16;
};

const Quantisation k_fp8_block{Dtype::fp8_w8a8, k_block, false};
const Quantisation k_fp8{Dtype::fp8_w8a8, std::nullopt, false};
const Quantisation k_fp8_channel{Dtype::fp8_w8a8, std::nullopt, true};
Quantisation int4(int group) {
  return {Dtype::int4_w4a16, BlockShape{0, group}, false};
}

const std::vector<KnownModel>& known_models() {
  static const std::vector<KnownModel> models = {
      {"deepseek_moe_16b", 2048, {{64, 6, 1408}}},
      {"deepseek_v2_lite", 2048, {{64, 6, 1408}}},
      {"deepseek_v3", 7168, {{256, 8, 2048}}, k_fp8_block, true, false, true},
      {"deepseek_v32", 7168, {{256, 8, 2048}}, k_fp8_block, true, false, true},
      {"deepseek_vl2", 2560, {{72, 6, 896}}},
      {"glm_5", 6144, {{256, 8, 2048}}, {}, true, false, true},
      {"glm_4_5_air", 4096, {{128, 8, 1408}}, {}, true, false, true},
      {"glm_4_7_flash", 2048, {{64, 4, 1536}}, {}, true, false, true},
      {"glm_4_5v", 4096, {{128, 8, 1408}}},
      {"dots_llm1", 4096, {{128, 6, 1408}}},
      {"mimo_v2_flash", 4096, {{256, 8, 2048}}, k_fp8_block},
      {"pangu_ultra_moe", 7680, {{256, 8, 2048}}},
      {"mistral_large_3", 7168, {{128, 4, 4096}}, k_fp8, true, false, true},
      {"kimi_vl", 2048, {{64, 6, 1408}}},
      {"kimi_k2_5", 7168, {{384, 8, 2048}}, int4(32)},
      {"nemotron_3_nano", 2688, {{128, 6, 1856}}, {}, false},
      {"nemotron_3_super", 1024, {{512, 22, 2688}}, {}, false},
      {"qwen1_5_moe", 2048, {{60, 4, 1408}}},
      {"qwen3_30b_a3b", 2048, {{128, 8, 768}}},
      {"qwen3_235b_fp8", 4096, {{128, 8, 1536}}, k_fp8_block},
      {"qwen3_30b_gptq", 2048, {{128, 8, 768}}, int4(128), true, false, false, ActDtype::float16},
      {"qwen3_next_80b", 2048, {{512, 10, 512}}},
      {"qwen3_5_35b_a3b", 2048, {{256, 8, 512}}},
      {"qwen3_vl_30b_a3b", 2048, {{128, 8, 768}}},
      {"qwen3_omni_30b_a3b", 2048, {{128, 8, 768}}},
      {"ling_mini_2", 2048, {{256, 8, 512}}},
      {"k_exaone", 6144, {{128, 8, 2048}}},
      {"lfm2_8b_a1b", 2048, {{32, 4, 1792}}},
      {"trinity_mini", 2048, {{128, 8, 1024}}},
      {"intern_s1_pro", 4096, {{512, 8, 1536}}},
      {"internvl3_5_30b_a3b", 2048, {{128, 8, 768}}},
      {"jamba_mini", 4096, {{16, 2, 14336}}},
      {"olmoe", 2048, {{64, 8, 1024}}},
      {"flex_olmo", 4096, {{7, 5, 11008}}},
      {"mixtral_8x7b", 4096, {{8, 2, 14336}}},
      {"mixtral_8x7b_awq", 4096, {{8, 2, 14336}}, int4(128), true, false, false, ActDtype::float16},
      {"mixtral_8x22b_fp8", 6144, {{8, 2, 16384}}, k_fp8},
      {"phi_3_5_moe", 4096, {{16, 2, 6400}}},
      {"granite_3b_a800m", 1536, {{40, 8, 512}}},
      {"minimax_m2", 3072, {{256, 8, 1536}}, k_fp8_block},
      {"minimax_text_01", 6144, {{32, 2, 9216}}},
      {"gpt_oss_20b_bf16", 2880, {{32, 4, 2880}}},
      {"arctic", 7168, {{128, 2, 4864}}},
      {"llama_4_scout", 5120, {{16, 1, 8192}}, {}, true, true, true},
      {"llama_4_maverick_fp8", 5120, {{128, 1, 8192}}, k_fp8_channel, true, true, true},
      {"grok_1", 6144, {{8, 2, 32768}}},
      {"grok_2", 8192, {{8, 2, 16384}}},
      {"hunyuan_a13b", 4096, {{64, 8, 3072}}},
      {"gemma_4_26b_a4b", 2816, {{128, 8, 704}}},
      {"ernie_4_5_21b_a3b", 2560, {{64, 6, 1536}}},
      {"ernie_4_5_vl_28b_a3b", 2560, {{64, 6, 1536}, {64, 6, 512}}},
      {"step_3", 7168, {{48, 3, 5120}}},
      {"step_3_5_flash", 4096, {{288, 8, 1280}}},
      {"aria", 2560, {{64, 6, 1664}}},
      {"kimi_linear_48b_a3b", 2304, {{256, 8, 1024}}},
      {"longcat_flash", 6144, {{512, 12, 2048}}},
      {"dbrx", 6144, {{16, 4, 10752}}},
  };
  return models;
}

struct NothingToTune {
  const char* file;
  const char* why;
};

constexpr NothingToTune k_nothing_to_tune[] = {
    {"nemotron_nano_9b_v2", "NemotronHForCausalLM is dense"},
    {"jamba2_3b", "JambaForCausalLM is dense: config.num_experts is 1"},
    {"granite_4_h_1b", "GraniteMoeHybridForCausalLM is dense: config.num_local_experts is 0"},
    {"gemma_4_31b", "Gemma4ForConditionalGeneration is dense: enable_moe_block is false"},
    {"llama_3_1_8b", "LlamaForCausalLM is dense"},
    {"gpt_oss_20b", "mxfp4 experts run in kernels that read no tuned file"},
    {"deepseek_r1_nvfp4", "NVFP4 experts run in kernels that read no tuned file"},
};

const std::filesystem::path k_folder = MOETUNE_MODEL_CONFIGS;

nlohmann::json config_of(const std::string& name) {
  std::ifstream file(k_folder / (name + ".json"), std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const auto config = parse_model_config(text.str(), name);
  EXPECT_TRUE(config.has_value()) << (config ? "" : config.error().message);
  return config.value_or(nlohmann::json());
}

// NOLINTNEXTLINE(readability-identifier-naming): the name that GoogleTest looks for
void PrintTo(const KnownModel& model, std::ostream* stream) {
  *stream << model.file;
}

class KnownModelTest : public testing::TestWithParam<KnownModel> {};

TEST_P(KnownModelTest, HasTheShapesThatItsAuthorsPublished) {
  const KnownModel& expected = GetParam();
  const auto model = moe_model_from_json(config_of(expected.file));
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ(model->hidden_size, expected.hidden_size);
  EXPECT_EQ(model->layers, expected.layers);
  EXPECT_EQ(model->quantisation, expected.quantisation);
  EXPECT_EQ(model->gated, expected.gated);
  EXPECT_EQ(model->router_weight_on_input, expected.router_weight_on_input);
  EXPECT_EQ(model->sglang_fuses_shared_expert, expected.sglang_fuses_shared_expert);
  EXPECT_EQ(model->act_dtype, expected.act_dtype);
}

INSTANTIATE_TEST_SUITE_P(Corpus, KnownModelTest, testing::ValuesIn(known_models()),
                         [](const auto& model) { return std::string(model.param.file); });

TEST(ModelCorpusTest, SaysWhyThereIsNothingToTune) {
  for (const auto& [file, why] : k_nothing_to_tune) {
    const auto model = moe_model_from_json(config_of(file));
    ASSERT_FALSE(model.has_value()) << file;
    EXPECT_EQ(model.error().code, ErrorCode::conflict);
    EXPECT_TRUE(model.error().message.starts_with(std::string("nothing to tune: ") + why)) << model.error().message;
  }
}

TEST(ModelCorpusTest, EveryFileIsInATable) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(k_folder)) files.insert(entry.path().stem());
  std::set<std::string> tables;
  for (const auto& model : known_models()) tables.insert(model.file);
  for (const auto& model : k_nothing_to_tune) tables.insert(model.file);
  EXPECT_EQ(files, tables);
  std::set<std::string> architectures;
  for (const auto& file : files) {
    const auto config = config_of(file);
    architectures.insert(config.value("architectures", nlohmann::json{config.value("model_type", "")})[0]);
  }
  EXPECT_GE(architectures.size(), 40U);
}

}  // namespace
}  // namespace moetune::schema
