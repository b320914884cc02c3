#include "daemon/sweep/triton_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::daemon {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const TritonPlanRequest k_request{.kernel = "sglang",
                                  .problem = {},
                                  .arch = "sm_90a",
                                  .device = "",
                                  .batches = {16},
                                  .configs = {{16, 64, 64, 1, 4, 2}}};

/// What kernels/triton/plan.py says of one batch and one tile.
json answer() {
  return {{"kernel_digest", "d1"},
          {"families", {{{"signature", json::object()}, {"constants", {{"top_k", 2}}}, {"parameters", json::array()}}}},
          {"artifacts", {{{"family", 0}, {"constants", {{"BLOCK_SIZE_M", 16}}}, {"num_warps", 4}, {"num_stages", 2}}}},
          {"classes", {{{"batches", {16}}, {"naive", false}, {"up", {0}}, {"down", {0}}}}},
          {"alignment",
           {{"naive", false}, {"extra_experts", 1}, {"pairs_limit", true}, {"round_to", 4}, {"rows_limit", false}}},
          {"refused", json::array()},
          {"defaults", {{"reason", "none"}}}};
}

TEST(TritonPlanTest, TellsHowTheEngineSizesItsLaunches) {
  const auto plan = triton_plan_from_json(answer(), k_request);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->kernel_digest, "d1");
  EXPECT_EQ(plan->alignment,
            (kernels::AlignmentRule{.naive = false, .extra_experts = 1, .round_to = 4, .rows_limit = false}));
  ASSERT_EQ(plan->artifacts.size(), 1U);
  EXPECT_EQ(plan->artifacts[0]["constants"], json({{"top_k", 2}, {"BLOCK_SIZE_M", 16}}));
}

TEST(TritonPlanTest, RefusesAnAnswerWithoutThat) {
  auto lacking = answer();
  lacking.erase("alignment");
  EXPECT_EQ(triton_plan_from_json(lacking, k_request).error().code, schema::ErrorCode::unavailable);
  auto senseless = answer();
  senseless["alignment"]["rows_limit"] = "yes";
  const auto refused = triton_plan_from_json(senseless, k_request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, schema::ErrorCode::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("alignment.rows_limit"));
}

TEST(TritonPlanTest, HandsOnWhyNothingCanBeCompiled) {
  const auto plan = triton_plan_from_json({{"error", "moe_align_block_size of align.py uses spare"}}, k_request);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, schema::ErrorCode::invalid_argument);
  EXPECT_EQ(plan.error().message, "kernel sglang: moe_align_block_size of align.py uses spare");
}

}  // namespace
}  // namespace moetune::daemon
