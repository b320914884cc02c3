#include "schema/model_architecture.hpp"

#include <algorithm>

namespace moetune::schema {
namespace {

constexpr ExpertFields k_routed = {{"n_routed_experts"}, {"num_experts_per_tok"}, {"moe_intermediate_size"}};
constexpr ExpertFields k_latent = {
    {"n_routed_experts"}, {"num_experts_per_tok"}, {"moe_intermediate_size"}, {"moe_latent_size", "hidden_size"}};
constexpr ExpertFields k_numbered = {{"num_experts"}, {"num_experts_per_tok"}, {"moe_intermediate_size"}};
constexpr ExpertFields k_plain = {{"num_experts"}, {"num_experts_per_tok"}, {"intermediate_size"}};
constexpr ExpertFields k_local = {{"num_local_experts"}, {"num_experts_per_tok"}, {"intermediate_size"}};
constexpr ExpertFields k_grok = {
    {"num_experts", "num_local_experts"}, {"num_experts_per_tok"}, {"moe_intermediate_size", "intermediate_size"}};
constexpr ExpertFields k_hunyuan = {{"num_experts"}, {"moe_topk"}, {"moe_intermediate_size"}};
constexpr ExpertFields k_hunyuan_v3 = {{"num_experts"}, {"num_experts_per_tok"}, {"expert_hidden_dim"}};
constexpr ExpertFields k_gemma = {
    {"num_experts"}, {"top_k_experts"}, {"moe_intermediate_size", "expert_intermediate_size"}};
constexpr ExpertFields k_ernie = {{"moe_num_experts"}, {"moe_k"}, {"moe_intermediate_size"}};
constexpr ExpertFields k_step = {{"moe_num_experts"}, {"moe_top_k"}, {"moe_intermediate_size"}};
constexpr ExpertFields k_aria = {{"moe_num_experts"}, {"moe_topk"}, {"intermediate_size"}};
constexpr ExpertFields k_kimi_linear = {{"num_experts"}, {"num_experts_per_token"}, {"moe_intermediate_size"}};
constexpr ExpertFields k_longcat = {{"n_routed_experts", "num_experts"},
                                    {"moe_topk", "num_experts_per_tok"},
                                    {"moe_intermediate_size", "expert_ffn_hidden_size"}};
constexpr ExpertFields k_dbrx = {{"moe_num_experts"}, {"moe_top_k"}, {"ffn_hidden_size"}, {"d_model", "hidden_size"}};
constexpr ExpertFields k_generic = {
    {"num_experts", "moe_num_experts", "n_routed_experts", "num_local_experts"},
    {"num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k", "moe_k", "top_k_experts", "top_k"},
    {"moe_intermediate_size", "intermediate_size", "expert_hidden_dim", "expert_ffn_hidden_size"},
    {"hidden_size", "d_model", "n_embd"}};

constexpr ArchitectureTraits k_fused = {.sglang_fuses_shared_expert = true};

/// The first pattern that fits counts, so an exact one stands before the wildcard that covers it.
const Architecture k_architectures[] = {
    {"DeepseekV3", k_routed, k_fused},
    {"DeepseekV32", k_routed, k_fused},
    {"Deepseek*", k_routed},
    {"GlmMoeDsa", k_routed, k_fused},
    {"Glm4Moe", k_routed, k_fused},
    {"Glm4MoeLite", k_routed, k_fused},
    {"Dots1", k_routed},
    {"MiMoV2*", k_routed},
    {"PanguUltraMoE", k_routed},
    {"PanguProMoEV2", k_routed},
    {"MistralLarge3", k_routed, k_fused},
    {"KimiVL", k_routed},
    {"KimiK25", k_routed},
    {"NemotronH", k_latent, {.gated = false}},
    {"Qwen2Moe", k_numbered},
    {"Qwen3Moe", k_numbered},
    {"Qwen3Next", k_numbered},
    {"Qwen3_5Moe*", k_numbered},
    {"Qwen3VLMoe*", k_numbered},
    {"Qwen3OmniMoe", k_numbered},
    {"Qwen4Exp*", k_numbered},
    {"BailingMoe*", k_numbered},
    {"ExaoneMoE", k_numbered},
    {"ExaoneMoe", k_numbered},
    {"Lfm2Moe", k_numbered},
    {"Afmoe", k_numbered},
    {"InternS1Pro", k_numbered},
    {"Jamba", k_plain},
    {"Olmoe", k_plain},
    {"FlexOlmo", k_plain},
    {"Cohere2Moe", k_plain},
    {"Mixtral", k_local},
    {"PhiMoE", k_local},
    {"Phimoe", k_local},
    {"GraniteMoe*", k_local},
    {"MiniMaxM3", k_local, k_fused},
    {"MiniMaxM2", k_local},
    {"MiniMaxM1", k_local},
    {"MiniMaxText01", k_local},
    {"GptOss", k_local},
    {"Arctic", k_local},
    {"Llama4", k_local, {.router_weight_on_input = true, .sglang_fuses_shared_expert = true}},
    {"Grok1", k_grok},
    {"HunYuanMoEV1", k_hunyuan},
    {"HYV3", k_hunyuan_v3},
    {"Gemma4*", k_gemma, {.experts_switch = "enable_moe_block"}},
    {"DiffusionGemma", k_gemma, {.experts_switch = "enable_moe_block"}},
    {"Ernie4_5_Moe", k_ernie},
    {"Ernie4_5_VLMoe", k_ernie},
    {"Step3*", k_step},
    {"Aria", k_aria},
    {"KimiLinear", k_kimi_linear},
    {"LongcatFlash", k_longcat},
    {"Dbrx", k_dbrx},
};

/// Whether the rest of a name only says what the model is for: "ForCausalLM", "ModelForCausalLM", "LMHeadModel".
bool is_purpose(std::string_view rest) {
  return rest.empty() || rest.starts_with("For") || rest.starts_with("Model") || rest.starts_with("LMHeadModel");
}

bool fits(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return name.starts_with(pattern) && is_purpose(name.substr(pattern.size()));
}

}  // namespace

const Architecture* find_architecture(std::string_view name) {
  const auto found =
      std::ranges::find_if(k_architectures, [&](const auto& entry) { return fits(entry.pattern, name); });
  return found == std::end(k_architectures) ? nullptr : &*found;
}

const ExpertFields& generic_fields() {
  return k_generic;
}

}  // namespace moetune::schema
