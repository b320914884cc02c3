#include "daemon/search/plan.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "daemon/search/space.hpp"
#include "schema/engine_rules.hpp"
#include "schema/sweep_spec.hpp"

namespace moetune::daemon::search {
namespace {

using schema::Problem;
using schema::TileConfig;

const Problem k_fp8{
    256, 512, 2048, 8, schema::Dtype::fp8_w8a8, schema::ActDtype::bfloat16, schema::BlockShape{128, 128}, true, false};

std::vector<Candidate> full_plan() {
  const auto configs = configurations(space_from_json("vllm").value(), k_fp8).value();
  return exhaustive_plan(known_defaults(k_fp8, schema::default_batches()), configs);
}

TEST(PlanTest, HasEveryCandidateOnce) {
  const auto plan = full_plan();
  EXPECT_EQ(plan.size(), 18u * 320u);
  EXPECT_EQ(std::set<Candidate>(plan.begin(), plan.end()).size(), plan.size());
}

TEST(PlanTest, StartsWithTheDefaultOfEveryBatch) {
  const auto plan = full_plan();
  for (std::size_t i = 0; i < 18; ++i) {
    EXPECT_EQ(plan[i].batch, schema::default_batches()[i]);
    EXPECT_EQ(plan[i].config, schema::default_config(k_fp8, plan[i].batch));
  }
}

TEST(PlanTest, TheDefaultIsMeasuredAlsoWhenTheSpaceLacksIt) {
  const std::vector<TileConfig> configs = {{32, 256, 128, 1, 8, 2}};
  const auto plan = exhaustive_plan(known_defaults(k_fp8, {4}), configs);
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].config, schema::default_config(k_fp8, 4));
  EXPECT_EQ(plan[1].config, configs[0]);
}

TEST(PlanTest, EveryTileIsTriedOnEveryBatchBeforeAnyTileIsTriedTwice) {
  const auto plan = full_plan();
  std::map<std::pair<std::int64_t, TileConfig>, int> seen;
  for (std::size_t i = 18; i < 18 + 80 * 17; ++i) seen[{plan[i].batch, without_group(plan[i].config)}]++;
  for (const auto& [key, count] : seen) EXPECT_EQ(count, 1);
}

TEST(PlanTest, TheOrderDoesNotDependOnTheOrderOfTheSpace) {
  auto configs = configurations(space_from_json("vllm").value(), k_fp8).value();
  const auto plan = exhaustive_plan(known_defaults(k_fp8, {1, 64}), configs);
  std::reverse(configs.begin(), configs.end());
  EXPECT_EQ(exhaustive_plan(known_defaults(k_fp8, {1, 64}), configs), plan);
}

TEST(PlanTest, PairsShareKernelsWhateverTheirGroupSizes) {
  const TileConfig up{64, 128, 128, 16, 4, 3};
  const TileConfig down{64, 64, 128, 32, 4, 3};
  const TileConfig bare_up{64, 128, 128, 1, 4, 3};
  const TileConfig bare_down{64, 64, 128, 1, 4, 3};
  EXPECT_EQ(without_group(paired(up, down)), paired(bare_up, bare_down));
  EXPECT_EQ(without_group(up), bare_up);
  TileConfig other_group = up;
  other_group.group_size_m = 64;
  EXPECT_EQ(without_group(paired(up, other_group)), bare_up) << "one kernel for both GEMMs";
}

TEST(PlanTest, AScanTakesLightBatchesFirst) {
  const TileConfig a{16, 64, 64, 1, 4, 3};
  const TileConfig b{16, 64, 64, 1, 4, 4};
  const std::vector<Candidate> plan = {{1, a}, {4096, a}, {512, a}, {1, b}, {1024, b}};
  const std::vector<Candidate> expected = {{1, a}, {512, a}, {1, b}, {4096, a}, {1024, b}};
  EXPECT_EQ(light_batches_first(plan), expected);
}

TEST(NamedPlanTest, HasEveryConfigurationOnceAsItRuns) {
  schema::Problem problem;
  problem.dtype = schema::Dtype::fp8_w8a8;
  problem.block_shape = schema::BlockShape{128, 128};
  const schema::TileConfig standard{16, 128, 128, 1, 4, 3};
  const schema::TileConfig tuned{16, 64, 128, 1, 4, 4};
  const schema::TileConfig cut{16, 64, 256, 1, 4, 4};  // BLOCK_SIZE_K runs as 128
  const schema::TileConfig as_default{16, 128, 256, 1, 4, 3};
  const auto plan = named_plan(problem, {{1, standard}, {2, standard}},
                               {{1, {tuned, cut, as_default}}, {2, {as_default}}, {4, {tuned}}});
  EXPECT_EQ(plan, (std::vector<Candidate>{{1, standard}, {1, tuned}, {2, standard}, {4, tuned}}));
}

}  // namespace
}  // namespace moetune::daemon::search
