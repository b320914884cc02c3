#include "kernels/triton_launch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace moetune::kernels {
namespace {

using testing::HasSubstr;

const schema::Problem k_fp8{
    256, 512, 2048, 8, schema::Dtype::fp8_w8a8, schema::ActDtype::bfloat16, schema::BlockShape{128, 128}, true, false};
const schema::Problem k_bf16{128,          768,  2048, 8, schema::Dtype::none, schema::ActDtype::bfloat16,
                             std::nullopt, true, false};

nlohmann::json launch_of(const std::vector<std::pair<const char*, const char*>>& parameters) {
  auto list = nlohmann::json::array();
  for (const auto& [name, type] : parameters) list.push_back({{"name", name}, {"type", type}});
  return {{"name", "fused_moe_kernel"},
          {"num_warps", 4},
          {"num_ctas", 1},
          {"launch_pdl", false},
          {"launch_cooperative_grid", false},
          {"global_scratch_bytes", 0},
          {"global_scratch_align", 1},
          {"profile_scratch_bytes", 0},
          {"profile_scratch_align", 1},
          {"parameters", list}};
}

GemmCall call_of(const schema::Problem& problem, std::int64_t batch, Gemm gemm) {
  return {.problem = problem,
          .config = {64, 128, 128, 16, 4, 3},
          .batch = batch,
          .gemm = gemm,
          .pointers = {.a = 0x1000, .w = 0x2000, .c = 0x3000, .a_scale = 0x4000, .w_scale = 0x5000}};
}

std::uint64_t value_of(const char* name, const GemmCall& call, const char* type = "i32") {
  const auto launch = triton_launch_from_json(launch_of({{name, type}}));
  return TritonArguments::of(*launch, call).value().values().at(0);
}

TEST(TritonLaunchTest, PassesWhatItsKernelTakesInItsOrder) {
  const auto launch = triton_launch_from_json(
      launch_of({{"c_ptr", "*bf16"}, {"a_ptr", "*fp8e4nv"}, {"K", "i32"}, {"N", "i32"}, {"global_scratch", "*u8"}}));
  ASSERT_TRUE(launch) << launch.error().message;
  const auto arguments = TritonArguments::of(*launch, call_of(k_fp8, 64, Gemm::first));
  ASSERT_TRUE(arguments) << arguments.error().message;
  EXPECT_EQ(arguments->values(), (std::vector<std::uint64_t>{0x3000, 0x1000, 2048, 1024, 0}));
  ASSERT_EQ(arguments->arguments().size(), 5U);
  EXPECT_EQ(*static_cast<const std::int32_t*>(arguments->arguments()[3]), 1024);
}

TEST(TritonLaunchTest, KnowsTheShapesOfBothGemms) {
  const auto first = call_of(k_fp8, 64, Gemm::first);
  const auto second = call_of(k_fp8, 64, Gemm::second);
  EXPECT_EQ(value_of("N", second), 2048U);
  EXPECT_EQ(value_of("K", second), 512U);
  EXPECT_EQ(value_of("num_valid_tokens", first), 512U);
  EXPECT_EQ(value_of("num_valid_tokens", second), 512U);
  EXPECT_EQ(value_of("stride_am", first), 2048U);
  EXPECT_EQ(value_of("stride_am", second), 512U);
  EXPECT_EQ(value_of("stride_be", first), 1024U * 2048U);
  EXPECT_EQ(value_of("stride_cm", second), 2048U);
  EXPECT_EQ(value_of("stride_asm", first), 16U);
  EXPECT_EQ(value_of("stride_bse", first), 8U * 16U);
  EXPECT_EQ(value_of("stride_bsn", second), 4U);
  EXPECT_EQ(value_of("stride_bsk", second), 1U);
  EXPECT_EQ(value_of("GROUP_SIZE_M", first), 16U);
  // 512 pairs of 256 experts, padded to whole blocks of 64.
  EXPECT_EQ(value_of("EM", first), 512U + 256U * 63U);
  EXPECT_EQ(triton_grid(first), (512 + 256 * 63 + 63) / 64 * (1024 / 128));
}

TEST(TritonLaunchTest, CoversWhatTheEnginesRuleSays) {
  auto call = call_of(k_fp8, 64, Gemm::first);
  call.rule = {.naive = false, .extra_experts = 1, .round_to = 4, .rows_limit = false};
  // 512 pairs of 257 experts: 512 + 257 * 63 = 16703 entries, rounded up to a multiple of 4.
  EXPECT_EQ(value_of("EM", call), 16704U);
  EXPECT_EQ(triton_grid(call), 261 * (1024 / 128));
  call.rule.extra_experts = 0;
  EXPECT_EQ(value_of("EM", call), 16640U);
}

TEST(TritonLaunchTest, WithoutScalesTheirStridesAreZero) {
  const auto call = call_of(k_bf16, 64, Gemm::first);
  for (const char* name : {"stride_asm", "stride_ask", "stride_bse", "stride_bsk", "stride_bsn", "stride_bbe"}) {
    EXPECT_EQ(value_of(name, call), 0U) << name;
  }
}

TEST(TritonLaunchTest, StridesOfScalesFollowTheForm) {
  struct Strides {
    const char* form;
    schema::Dtype dtype;
    bool per_channel;
    std::vector<std::uint64_t> first, second;  // asm, ask, bse, bsk, bsn
  };
  // W is (256, 1024, 2048) in GEMM 1 and (256, 2048, 512) in GEMM 2.
  const std::vector<Strides> forms = {
      {"per tensor: a (1), b (E)", schema::Dtype::fp8_w8a8, false, {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}},
      {"per channel: a (rows, 1), b (E, n, 1)", schema::Dtype::fp8_w8a8, true, {1, 1, 1024, 1, 1}, {1, 1, 2048, 1, 1}},
      {"int8: b (E, n)", schema::Dtype::int8_w8a16, false, {0, 0, 1024, 0, 1}, {0, 0, 2048, 0, 1}},
      {"int8 per channel: b (E, n)", schema::Dtype::int8_w8a16, true, {0, 0, 1024, 0, 1}, {0, 0, 2048, 0, 1}}};
  const std::array names = {"stride_asm", "stride_ask", "stride_bse", "stride_bsk", "stride_bsn"};
  for (const auto& form : forms) {
    auto problem = k_bf16;
    problem.num_experts = 256;
    problem.intermediate_size = 512;
    problem.dtype = form.dtype;
    problem.per_channel_quant = form.per_channel;
    for (std::size_t i = 0; i < names.size(); ++i) {
      EXPECT_EQ(value_of(names[i], call_of(problem, 64, Gemm::first)), form.first[i]) << form.form << " " << names[i];
      EXPECT_EQ(value_of(names[i], call_of(problem, 64, Gemm::second)), form.second[i]) << form.form << " " << names[i];
    }
    EXPECT_EQ(value_of("a_scale_ptr", call_of(problem, 64, Gemm::first), "*fp32"), 0x4000U);
    EXPECT_EQ(value_of("b_scale_ptr", call_of(problem, 64, Gemm::first), "*fp32"), 0x5000U);
    EXPECT_EQ(value_of("stride_be", call_of(problem, 64, Gemm::first)), 1024U * 2048U);
  }
}

TEST(TritonLaunchTest, NamesWhatItCannotPass) {
  const auto launch = triton_launch_from_json(launch_of({{"lora_ptr", "*bf16"}}));
  const auto arguments = TritonArguments::of(*launch, call_of(k_fp8, 1, Gemm::first));
  EXPECT_THAT(arguments.error().message, HasSubstr("lora_ptr"));
  auto wide = k_fp8;
  wide.hidden_size = 1 << 20;
  wide.intermediate_size = 1 << 14;
  const auto stride = triton_launch_from_json(launch_of({{"stride_be", "i32"}}));
  EXPECT_THAT(TritonArguments::of(*stride, call_of(wide, 1, Gemm::first)).error().message, HasSubstr("stride_be"));
  const auto long_stride = triton_launch_from_json(launch_of({{"stride_be", "i64"}}));
  EXPECT_TRUE(TritonArguments::of(*long_stride, call_of(wide, 1, Gemm::first)));
}

TEST(TritonLaunchTest, RefusesWhatItDoesNotLaunch) {
  EXPECT_THAT(triton_launch_from_json(launch_of({{"x", "fp32"}})).error().message, HasSubstr("fp32"));
  EXPECT_THAT(triton_launch_from_json(launch_of({})).error().message, HasSubstr("launch.parameters"));
  for (const auto& [field, value] : {std::pair{"num_ctas", 2}, {"global_scratch_bytes", 64}}) {
    auto launch = launch_of({{"N", "i32"}});
    launch[field] = value;
    EXPECT_THAT(triton_launch_from_json(launch).error().message, HasSubstr("does not give")) << field;
  }
  auto unknown = launch_of({{"N", "i32"}});
  unknown["surplus"] = 1;
  EXPECT_THAT(triton_launch_from_json(unknown).error().message, HasSubstr("surplus"));
}

}  // namespace
}  // namespace moetune::kernels
