#include "kernels/residency_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/kernels/problem_forms.hpp"
#include "tests/kernels/sample_trial.hpp"

namespace moetune::kernels {
namespace {

using schema::L2;
using ::testing::HasSubstr;
using testing::sample_problem;

constexpr std::int64_t k_gib = 1LL << 30;
constexpr std::int64_t k_l2 = 60LL << 20;  // H200

schema::Problem bf16_problem() {
  schema::Problem problem;
  problem.num_experts = 128;
  problem.intermediate_size = 768;
  problem.hidden_size = 2048;
  problem.topk = 8;
  return problem;
}

ResidencyPlan plan_of(const schema::Problem& problem, std::vector<std::int64_t> batches, L2 l2 = L2::cold,
                      std::int64_t free_bytes = 139 * k_gib) {
  auto plan = plan_residency(problem, batches, l2, k_l2, free_bytes);
  if (!plan) ADD_FAILURE() << plan.error().message;
  return plan.value_or(ResidencyPlan{});
}

TEST(ResidencyPlanTest, ExpectedExpertsGrowFromTopkToAll) {
  EXPECT_NEAR(expected_experts(sample_problem(), 1), 8, 1e-9);
  EXPECT_NEAR(expected_experts(sample_problem(), 16), 101.9, 0.5);
  EXPECT_NEAR(expected_experts(sample_problem(), 4096), 256, 1e-6);
  schema::Problem all = sample_problem();
  all.topk = all.num_experts;
  EXPECT_NEAR(expected_experts(all, 1), 256, 1e-9);
}

TEST(ResidencyPlanTest, CountsWeightsWithTheirScales) {
  const auto sizes = weight_sizes(sample_problem());
  EXPECT_EQ(sizes.w1, 256LL * 1024 * 2048);
  EXPECT_EQ(sizes.w1_scale, 256LL * 8 * 16 * 4);
  EXPECT_EQ(sizes.w2, 256LL * 2048 * 512);
  EXPECT_EQ(sizes.w2_scale, 256LL * 16 * 4 * 4);
  const auto plain = weight_sizes(bf16_problem());
  EXPECT_EQ(plain.w1, 128LL * 1536 * 2048 * 2);
  EXPECT_EQ(plain.w1_scale, 0);
}

TEST(ResidencyPlanTest, CountsTheAlignmentOfTheKernelsRule) {
  const AlignmentRule every_expert{.naive = false, .pairs_limit = false};
  const auto plan =
      plan_residency(bf16_problem(), std::vector<std::int64_t>{1}, L2::warm, k_l2, 139 * k_gib, every_expert);
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_EQ(plan->batches.at(0).rule, every_expert);
  // 8 pairs of 128 experts in row blocks of b = 16 to 256: 8 + 128 * (b - 1) entries, their blocks and one number.
  const std::int64_t words =
      (1928 + 121 + 1) + (3976 + 125 + 1) + (8072 + 127 + 1) + (16264 + 128 + 1) + (32648 + 128 + 1);
  EXPECT_EQ(batch_sizes(bf16_problem(), plan->batches[0]).alignment, 4 * words);
}

TEST(ResidencyPlanTest, CountsEveryFormOfQuantisation) {
  struct Sizes {
    std::int64_t w1, w1_scale, w2_scale, a1, a1_scale, a2, a2_scale;
  };
  // E 8, N 192, hidden size 320, top 2; 7 tokens, 14 pairs.
  const std::map<std::string, Sizes> expected = {
      {"bfloat16", {8 * 384 * 320 * 2, 0, 0, 0, 0, 14 * 192 * 2, 0}},
      {"fp8_in_blocks", {8 * 384 * 320, 8 * 24 * 40 * 4, 8 * 20 * 24 * 4, 7 * 320, 7 * 40 * 4, 14 * 192, 14 * 24 * 4}},
      {"fp8_per_tensor", {8 * 384 * 320, 8 * 4, 8 * 4, 7 * 320, 4, 14 * 192, 4}},
      {"fp8_per_channel", {8 * 384 * 320, 8 * 384 * 4, 8 * 320 * 4, 7 * 320, 7 * 4, 14 * 192, 14 * 4}},
      {"int8_w8a16", {8 * 384 * 320, 8 * 384 * 4, 8 * 320 * 4, 0, 0, 14 * 192 * 2, 0}}};
  for (const auto& form : testing::all_forms()) {
    if (!expected.contains(form.name)) continue;
    const auto& wanted = expected.at(form.name);
    const auto problem = form.of(8, 192, 320, 2);
    const auto weights = weight_sizes(problem);
    EXPECT_EQ(weights.w1, wanted.w1) << form.name;
    EXPECT_EQ(weights.w1_scale, wanted.w1_scale) << form.name;
    EXPECT_EQ(weights.w2, wanted.w1 / 2) << form.name;
    EXPECT_EQ(weights.w2_scale, wanted.w2_scale) << form.name;
    const auto batch = batch_sizes(problem, {.batch = 7});
    EXPECT_EQ(batch.x, 7 * 320 * 2) << form.name;
    EXPECT_EQ(batch.a1, wanted.a1) << form.name;
    EXPECT_EQ(batch.a1_scale, wanted.a1_scale) << form.name;
    EXPECT_EQ(batch.a2, wanted.a2) << form.name;
    EXPECT_EQ(batch.a2_scale, wanted.a2_scale) << form.name;
    const auto workspace = workspace_sizes(problem, 7);
    EXPECT_EQ(workspace.activation, 14 * 192 * 2) << form.name;
    EXPECT_EQ(workspace.a2, wanted.a1 > 0 ? 14 * 192 : 0) << form.name;
    EXPECT_EQ(workspace.a2_scale, wanted.a2_scale) << form.name;
  }
}

TEST(ResidencyPlanTest, AColdReplayTouchesSixTimesTheCache) {
  for (const auto& problem : {sample_problem(), bf16_problem()}) {
    const auto plan = plan_of(problem, {1, 4, 16, 64, 512, 4096});
    std::int64_t most = 0;
    for (const auto& batch : plan.batches) {
      const double touched = expected_experts(problem, batch.batch) *
                             static_cast<double>(weight_sizes(problem).total()) /
                             static_cast<double>(problem.num_experts);
      EXPECT_GE(touched * static_cast<double>(batch.passes), 6.0 * k_l2) << batch.batch;
      EXPECT_LT(touched * static_cast<double>(batch.passes - 1), 6.0 * k_l2) << batch.batch;
      EXPECT_EQ(batch.routings, batch.passes);
      most = std::max(most, batch.passes);
    }
    EXPECT_EQ(plan.weight_sets, most);
  }
}

TEST(ResidencyPlanTest, AWarmReplayReusesOneSetAndOneRouting) {
  const auto plan = plan_of(sample_problem(), {1, 4096}, L2::warm);
  EXPECT_EQ(plan.weight_sets, 1);
  EXPECT_EQ(plan.batches[0].routings, 1);
  EXPECT_GT(plan.batches[0].passes, 1);
}

TEST(ResidencyPlanTest, ShortMemoryTakesFewerSetsButStaysCold) {
  const auto plenty = plan_of(sample_problem(), {1, 64});
  const auto tight = plan_of(sample_problem(), {1, 64}, L2::cold, 6 * k_gib);
  EXPECT_LT(tight.weight_sets, plenty.weight_sets);
  EXPECT_LE(tight.total_bytes, 6 * k_gib);
  EXPECT_EQ(tight.batches[0].passes, plenty.batches[0].passes);
  // At most 5 % of what a pass touches may be left in L2 by earlier passes.
  const double pool = static_cast<double>(tight.weight_sets * weight_sizes(sample_problem()).total());
  EXPECT_LE(static_cast<double>(k_l2) / pool, 0.05);
}

TEST(ResidencyPlanTest, WhatDoesNotFitIsRefusedWithBothFigures) {
  const std::vector<std::int64_t> batches = {1, 4096};
  const auto plan = plan_residency(sample_problem(), batches, L2::cold, k_l2, k_gib);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, schema::ErrorCode::too_large);
  EXPECT_THAT(plan.error().message, HasSubstr("1.0 GiB are free"));
  EXPECT_GT(plan.error().detail.at("needed_bytes").get<std::int64_t>(), k_gib);
  EXPECT_EQ(plan.error().detail.at("free_bytes"), k_gib);
}

TEST(ResidencyPlanTest, ChecksEveryPairUntilTheReferenceGetsDear) {
  const auto plan = plan_of(sample_problem(), {1, 256});
  EXPECT_EQ(plan.batches[0].checked, 8);
  EXPECT_EQ(plan.batches[1].checked, 256 * 8);
  EXPECT_EQ(plan.batches[1].check_step, 1);
  schema::Problem large = sample_problem();
  large.hidden_size = 7168;
  large.intermediate_size = 2048;
  const auto sampled = plan_of(large, {4096}).batches[0];
  EXPECT_GT(sampled.check_step, 1);
  EXPECT_EQ(sampled.check_step % 2, 1);
  EXPECT_LT((sampled.checked - 1) * sampled.check_step, 4096 * 8);
  EXPECT_GE(sampled.checked * sampled.check_step, 4096 * 8);
}

TEST(ResidencyPlanTest, OnlyWorkThatHeatsIsHeavy) {
  for (const auto& problem : {sample_problem(), bf16_problem()}) {
    EXPECT_FALSE(is_heavy(problem, 1));
    EXPECT_FALSE(is_heavy(problem, 512));
    EXPECT_TRUE(is_heavy(problem, 1024));
    EXPECT_TRUE(is_heavy(problem, 4096));
  }
}

}  // namespace
}  // namespace moetune::kernels
