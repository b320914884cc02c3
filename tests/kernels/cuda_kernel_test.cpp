#include "kernels/cuda_kernel.hpp"

#include <gtest/gtest.h>

#include <set>

#include "kernels/step_kernels.hpp"
#include "tests/kernels/problem_forms.hpp"

namespace moetune::kernels {
namespace {

schema::Problem fp8_problem() {
  return {.num_experts = 256,
          .intermediate_size = 512,
          .hidden_size = 2048,
          .topk = 8,
          .dtype = schema::Dtype::fp8_w8a8,
          .block_shape = schema::BlockShape{128, 128}};
}
schema::Problem bf16_problem() {
  auto problem = fp8_problem();
  problem.dtype = schema::Dtype::none;
  problem.block_shape.reset();
  return problem;
}
Variant variant_of(const schema::Problem& problem, const schema::TileConfig& config) {
  return make_variant(problem, config, "sm_90a").value();
}

TEST(CudaKernelTest, DigestsAreThoseOfTheEmbeddedSource) {
  EXPECT_EQ(kernel_digest().size(), 64u);
  EXPECT_EQ(step_digest().size(), 64u);
  EXPECT_NE(kernel_digest(), step_digest());
}

TEST(CudaKernelTest, ComputesBf16Fp16AndBlockFp8AndNamesTheRest) {
  EXPECT_TRUE(check_supported(bf16_problem()));
  EXPECT_TRUE(check_supported(fp8_problem()));
  auto per_tensor = fp8_problem();
  per_tensor.block_shape.reset();
  const auto refused = check_supported(per_tensor);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(refused.error().message.find("fp8_w8a8 with block_shape"), std::string::npos) << refused.error().message;
  for (const auto& form : testing::triton_forms()) {
    const auto left_to_triton = check_supported(form.of(8, 512, 1024, 2));
    ASSERT_FALSE(left_to_triton) << form.name;
    EXPECT_NE(left_to_triton.error().message.find("the Triton kernels (vllm, sglang, builtin) do"), std::string::npos);
  }
  auto groups = fp8_problem();
  groups.dtype = schema::Dtype::int4_w4a16;
  EXPECT_EQ(check_supported(groups).error().message.find("Triton"), std::string::npos) << "no kernel here does";

  auto odd = fp8_problem();
  odd.hidden_size = 2056;
  EXPECT_NE(check_supported(odd).error().message.find("hidden_size must be a multiple of 16"), std::string::npos);
  odd.dtype = schema::Dtype::none;
  odd.block_shape.reset();
  EXPECT_TRUE(check_supported(odd));
}

TEST(CudaKernelTest, ClampsBlockSizeKToTheQuantisationBlock) {
  const schema::TileConfig config{64, 128, 256, 16, 4, 3};
  EXPECT_EQ(variant_of(bf16_problem(), config).block_size_k, 256);
  EXPECT_EQ(variant_of(fp8_problem(), config).block_size_k, 128);
}

TEST(CudaKernelTest, AVariantIsTheSameForEveryGroupSizeAndShape) {
  const auto one = variant_of(fp8_problem(), {64, 128, 128, 1, 4, 3});
  auto other = fp8_problem();
  other.num_experts = 64;
  other.hidden_size = 7168;
  EXPECT_EQ(variant_of(other, {64, 128, 128, 64, 4, 3}), one);
  std::set<std::string> texts{canonical_text(one)};
  for (const schema::TileConfig& config : {schema::TileConfig{32, 128, 128, 1, 4, 3},
                                           {64, 64, 128, 1, 4, 3},
                                           {64, 128, 64, 1, 4, 3},
                                           {64, 128, 128, 1, 8, 3},
                                           {64, 128, 128, 1, 4, 4}}) {
    texts.insert(canonical_text(variant_of(fp8_problem(), config)));
  }
  auto half = fp8_problem();
  half.act_dtype = schema::ActDtype::float16;
  texts.insert(canonical_text(variant_of(half, {64, 128, 128, 1, 4, 3})));
  texts.insert(canonical_text(variant_of(bf16_problem(), {64, 128, 128, 1, 4, 3})));
  EXPECT_EQ(texts.size(), 8u);
}

TEST(CudaKernelTest, RefusesTilesThatTheKernelDoesNotHave) {
  for (const schema::TileConfig& config : {schema::TileConfig{8, 128, 128, 1, 4, 3},
                                           {512, 128, 128, 1, 4, 3},
                                           {64, 8, 128, 1, 4, 3},
                                           {64, 128, 16, 1, 4, 3},
                                           {64, 128, 128, 1, 32, 3}}) {
    const auto variant = make_variant(fp8_problem(), config, "sm_90a");
    ASSERT_FALSE(variant) << schema::short_text(config);
    EXPECT_EQ(variant.error().code, ErrorCode::invalid_argument);
  }
}

TEST(CudaKernelTest, SharedMemoryIsOneBufferPerStageAndSmallTables) {
  // bf16: (64 + 128) rows of 64 elements of 2 bytes, and 8 bytes per row of A.
  EXPECT_EQ(shared_bytes(variant_of(bf16_problem(), {64, 128, 64, 1, 4, 1})), 24576 + 512);
  EXPECT_EQ(shared_bytes(variant_of(bf16_problem(), {64, 128, 64, 1, 4, 4})), 4 * 24576 + 512);
  // fp8: one scale per row of A and per 128 columns of W in every buffer.
  EXPECT_EQ(shared_bytes(variant_of(fp8_problem(), {64, 256, 128, 1, 4, 3})), 3 * (40960 + 66 * 4) + 512);
}

TEST(CudaKernelTest, KnowsWithoutCompilingWhatDoesNotFit) {
  const auto large = variant_of(bf16_problem(), {256, 256, 128, 1, 8, 2});
  EXPECT_FALSE(fits(large, *shared_limit_of("sm_90a")));
  const auto middle = variant_of(bf16_problem(), {128, 128, 64, 1, 8, 3});
  EXPECT_TRUE(fits(middle, *shared_limit_of("sm_86")));
  EXPECT_FALSE(fits(variant_of(bf16_problem(), {128, 128, 64, 1, 8, 4}), *shared_limit_of("sm_86")));
  EXPECT_FALSE(shared_limit_of("sm_75"));
}

TEST(CudaKernelTest, NamesTheArchitectureThatHasWgmma) {
  EXPECT_EQ(arch_of(9, 0), "sm_90a");
  EXPECT_EQ(arch_of(8, 6), "sm_86");
  EXPECT_EQ(arch_of(12, 1), "sm_121");
}

TEST(CudaKernelTest, ALaunchCarriesShapesStridesAndGeometry) {
  const schema::TileConfig config{16, 128, 256, 32, 4, 3};
  const auto variant = variant_of(fp8_problem(), config);
  auto first = gemm_launch(fp8_problem(), config, variant, 300, Gemm::first, {.a = 1, .sorted_token_ids = 2});
  EXPECT_EQ(first.n, 1024);
  EXPECT_EQ(first.k, 2048);
  EXPECT_EQ(first.em, 2400 + 256 * 15);
  EXPECT_EQ(first.num_valid_tokens, 2400);
  EXPECT_EQ(first.stride_be, 1024 * 2048);
  EXPECT_EQ(first.stride_asm, 16);
  EXPECT_EQ(first.stride_bse, 8 * 16);
  EXPECT_EQ(first.stride_bsn, 16);
  EXPECT_EQ(first.top_k, 8);
  EXPECT_EQ(first.mul_routed_weight, 0);
  EXPECT_EQ(first.group_size_m, 32);
  EXPECT_EQ(first.shape.grid.x, 390u * 8u);
  EXPECT_EQ(first.shape.block.x, 128u);
  EXPECT_EQ(first.shape.shared_bytes, shared_bytes(variant));
  const auto arguments = first.pack();
  EXPECT_EQ(arguments.front(), &first.pointers.a);
  EXPECT_EQ(arguments.back(), &first.group_size_m);

  const auto second = gemm_launch(fp8_problem(), config, variant, 1, Gemm::second, {});
  EXPECT_EQ(second.em, 8 * 16);
  EXPECT_EQ(second.top_k, 1);
  EXPECT_EQ(second.mul_routed_weight, 1);
  EXPECT_EQ(second.shape.grid.x, 8u * 16u);
}

}  // namespace
}  // namespace moetune::kernels
