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
