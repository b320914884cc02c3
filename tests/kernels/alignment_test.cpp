#include "kernels/alignment.hpp"

#include <gtest/gtest.h>

namespace moetune::kernels {
namespace {

schema::Problem problem() {
  return {.num_experts = 256,
          .intermediate_size = 512,
          .hidden_size = 2048,
          .topk = 8,
          .dtype = schema::Dtype::fp8_w8a8,
          .block_shape = schema::BlockShape{128, 128}};
}

TEST(AlignmentShapeTest, SkipsAlignmentWhilePairsAreAtMostAQuarterOfTheExperts) {
  EXPECT_EQ(alignment_shape(problem(), 8, 16),
            (AlignmentShape{.pairs = 64, .naive = true, .sorted_size = 1024, .expert_blocks = 64}));
  EXPECT_FALSE(alignment_shape(problem(), 9, 16).naive);
}

TEST(AlignmentShapeTest, PadsEveryExpertButNeverBeyondOneBlockAPair) {
  // 72 pairs < 256 experts: min(72 + 256 * 63, 72 * 64).
  EXPECT_EQ(alignment_shape(problem(), 9, 64).sorted_size, 72 * 64);
  EXPECT_EQ(alignment_shape(problem(), 9, 64).expert_blocks, 72);
  // 256 pairs are not fewer than the experts.
  EXPECT_EQ(alignment_shape(problem(), 32, 16).sorted_size, 256 + 256 * 15);
  EXPECT_EQ(alignment_shape(problem(), 32, 16).expert_blocks, 256);
  EXPECT_EQ(alignment_shape(problem(), 33, 64).expert_blocks, (264 + 256 * 63 + 63) / 64);
}

TEST(AlignmentShapeTest, ALaunchCoversNoMoreRowsThanItsTokensCanFill) {
  // With 9 tokens and 64 rows a block the first GEMM's A has fewer rows than a block; the second one's has 72.
  EXPECT_EQ(launch_rows(problem(), 9, 64, Gemm::first), 9 * 8 * 64);
  EXPECT_EQ(launch_rows(problem(), 9, 64, Gemm::second), 72 * 64);
  auto few = problem();
  few.num_experts = 16;
  // Sorted size 24 + 16 * 127; the first GEMM cannot need more than 3 * 8 * 128, the second 24 * 128.
  EXPECT_EQ(launch_rows(few, 3, 128, Gemm::first), 24 + 16 * 127);
  few.num_experts = 60;
  EXPECT_EQ(launch_rows(few, 3, 128, Gemm::first), 24 * 128);
  EXPECT_EQ(launch_rows(few, 300, 128, Gemm::second), 2400 + 60 * 127);
}

constexpr AlignmentRule k_sglang_0_4{
    .naive = false, .extra_experts = 0, .pairs_limit = false, .round_to = 1, .rows_limit = false};
constexpr AlignmentRule k_sglang_0_5_23{
    .naive = false, .extra_experts = 1, .pairs_limit = true, .round_to = 4, .rows_limit = false};
constexpr AlignmentRule k_vllm_0_11{
    .naive = false, .extra_experts = 0, .pairs_limit = false, .round_to = 1, .rows_limit = true};

TEST(AlignmentRuleTest, EveryExpertIsPaddedWhereFewPairsAreNoLimit) {
  // 8 pairs of 256 experts in blocks of 16: 8 + 256 * 15 = 3848.
  EXPECT_EQ(alignment_shape(problem(), 1, 16, k_sglang_0_4),
            (AlignmentShape{.pairs = 8, .naive = false, .sorted_size = 3848, .expert_blocks = 241}));
  EXPECT_EQ(launch_rows(problem(), 1, 16, Gemm::first, k_sglang_0_4), 3848);
  EXPECT_EQ(launch_rows(problem(), 1, 16, Gemm::second, k_sglang_0_4), 3848);
  // vLLM's launcher does not cover more than 1 * 8 * 16 rows, until A has a block of them.
  EXPECT_EQ(alignment_shape(problem(), 1, 16, k_vllm_0_11).sorted_size, 3848);
  EXPECT_EQ(launch_rows(problem(), 1, 16, Gemm::first, k_vllm_0_11), 128);
  EXPECT_EQ(launch_rows(problem(), 1, 16, Gemm::second, k_vllm_0_11), 128);
  EXPECT_EQ(launch_rows(problem(), 2, 16, Gemm::first, k_vllm_0_11), 256);
  EXPECT_EQ(launch_rows(problem(), 2, 16, Gemm::second, k_vllm_0_11), 16 + 256 * 15);
}

TEST(AlignmentRuleTest, FurtherExpertsCountOnceThereArePairsForThem) {
  const auto size = [](std::int64_t batch, std::int64_t topk, int block) {
    auto other = problem();
    other.topk = topk;
    return alignment_shape(other, batch, block, k_sglang_0_5_23).sorted_size;
  };
  EXPECT_EQ(size(1, 8, 16), 8 * 16);
  EXPECT_EQ(size(255, 1, 16), 255 * 16);
  EXPECT_EQ(size(256, 1, 16), 256 * 16);
  EXPECT_EQ(size(257, 1, 16), 257 + 257 * 15);
  // 258 + 257 * 15 = 4113, the next multiple of 4 being 4116: 258 blocks of 16.
  EXPECT_EQ(size(258, 1, 16), 4116);
  // 264 + 257 * 63 = 16455 -> 16456.
  EXPECT_EQ(size(33, 8, 64), 16456);
  EXPECT_EQ(alignment_shape(problem(), 33, 64, k_sglang_0_5_23).expert_blocks, 258);
  EXPECT_EQ(alignment_shape(problem(), 33, 64).expert_blocks, 257);
}

TEST(AlignmentRuleTest, ALauncherWithoutARowLimitCoversAllEntries) {
  auto few = problem();
  few.num_experts = 4;
  // 24 pairs: 24 + 4 * 127 = 532 with vLLM's rule; 3 rows of A fill at most 3 * 8 * 128.
  EXPECT_EQ(launch_rows(few, 3, 128, Gemm::first), 532);
  EXPECT_EQ(launch_rows(few, 3, 128, Gemm::first, k_sglang_0_5_23), (24 + 5 * 127 + 3) / 4 * 4);
  few.topk = 1;
  // 3 pairs of 4 experts: 3 + 4 * 127 = 511, but 3 rows of A fill 3 * 128.
  EXPECT_EQ(launch_rows(few, 3, 128, Gemm::first, k_vllm_0_11), 384);
  EXPECT_EQ(launch_rows(few, 3, 128, Gemm::first, k_sglang_0_4), 511);
}

TEST(AlignmentRuleTest, SmallBatchesAreAlignedUnlessTheKernelHasAPathOfItsOwn) {
  EXPECT_TRUE(alignment_shape(problem(), 8, 16, AlignmentRule{}).naive);
  const AlignmentRule aligned{.naive = false};
  EXPECT_EQ(alignment_shape(problem(), 8, 16, aligned),
            (AlignmentShape{.pairs = 64, .naive = false, .sorted_size = 1024, .expert_blocks = 64}));
}

TEST(GemmShapeTest, SecondGemmReadsEveryPairOnceAndWeighsIt) {
  EXPECT_EQ(gemm_shape(problem(), 4, Gemm::first),
            (GemmShape{.n = 1024, .k = 2048, .a_rows = 4, .top_k = 8, .mul_routed_weight = false}));
  EXPECT_EQ(gemm_shape(problem(), 4, Gemm::second),
            (GemmShape{.n = 2048, .k = 512, .a_rows = 32, .top_k = 1, .mul_routed_weight = true}));
  auto early = problem();
  early.router_weight_on_input = true;
  EXPECT_TRUE(gemm_shape(early, 4, Gemm::first).mul_routed_weight);
  EXPECT_FALSE(gemm_shape(early, 4, Gemm::second).mul_routed_weight);
  auto plain = problem();
  plain.gated = false;
  EXPECT_EQ(gemm_shape(plain, 4, Gemm::first).n, 512);
}

}  // namespace
}  // namespace moetune::kernels
