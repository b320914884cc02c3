#include "daemon/search/finalists.hpp"

#include <gtest/gtest.h>

namespace moetune::daemon::search {
namespace {

using schema::TileConfig;

TileConfig tile(int block_size_m, int stages) {
  return {block_size_m, 64, 64, 1, 4, stages};
}

Scanned scanned(const TileConfig& config, double gemm_1_us, double gemm_2_us) {
  return {.config = config,
          .latency_us = gemm_1_us + gemm_2_us,
          .gemm_1_us = gemm_1_us,
          .gemm_2_us = gemm_2_us,
          .clock_fell = false};
}

constexpr FinalistRule k_rule{.within = 1.05, .within_when_hot = 1.2, .at_least = 2, .at_most = 4};

std::vector<Scanned> rows(std::initializer_list<double> latencies) {
  std::vector<Scanned> made;
  for (const double us : latencies) {
    const int stages = 2 + static_cast<int>(made.size());
    made.push_back({.config = tile(16, stages), .latency_us = us, .gemm_1_us = {}, .gemm_2_us = {}});
  }
  return made;
}

TEST(FinalistsTest, AreWithinTheBoundTheFastestFirst) {
  EXPECT_EQ(finalists_of(rows({103, 120, 100, 104}), k_rule, false),
            (std::vector{tile(16, 4), tile(16, 2), tile(16, 5)}));
}

TEST(FinalistsTest, AreNeverFewerOrMoreThanTheRuleSays) {
  EXPECT_EQ(finalists_of(rows({100, 200, 300}), k_rule, false).size(), 2u);
  EXPECT_EQ(finalists_of(rows({100, 100, 100, 100, 100, 100}), k_rule, false).size(), 4u);
  EXPECT_EQ(finalists_of(rows({100}), k_rule, false).size(), 1u);
  EXPECT_TRUE(finalists_of({}, k_rule, false).empty());
  EXPECT_TRUE(finalists_of({}, k_rule, true).empty());
}

TEST(FinalistsTest, AHotBatchGetsAWiderBound) {
  auto hot = rows({100, 110, 115, 130});
  EXPECT_EQ(finalists_of(hot, k_rule, false).size(), 2u);
  hot[3].clock_fell = true;
  EXPECT_EQ(finalists_of(hot, k_rule, false).size(), 3u);
}

TEST(FinalistsTest, APairGivesEachGemmItsTile) {
  const TileConfig a = tile(16, 2);
  const TileConfig b = tile(16, 3);
  const auto pairs = finalists_of({scanned(a, 10, 20), scanned(b, 15, 5)}, {.at_least = 4, .at_most = 4}, true);
  ASSERT_EQ(pairs.size(), 4u);
  EXPECT_EQ(pairs[0], paired(a, b));
  EXPECT_EQ(pairs[1], b);
  EXPECT_EQ(pairs[2], a);
  EXPECT_EQ(pairs[3], paired(b, a));
}

TEST(FinalistsTest, AnUntimedRowMakesNoPair) {
  Scanned untimed = scanned(tile(16, 4), 1, 1);
  untimed.gemm_2_us.reset();
  EXPECT_EQ(finalists_of({scanned(tile(16, 2), 10, 20), untimed}, k_rule, true), (std::vector{tile(16, 2)}));
}

TEST(FinalistsTest, APairHasOneBlockSizeM) {
  const TileConfig small = tile(16, 2);
  const TileConfig large = tile(64, 2);
  const auto pairs = finalists_of({scanned(small, 1, 20), scanned(large, 20, 2)}, k_rule, true);
  EXPECT_EQ(pairs, (std::vector{small, large}));
}

TEST(FinalistPlanTest, BeginsWithTheDefaultsAndTheMostPromising) {
  const std::map<std::int64_t, TileConfig> defaults = {{1, tile(16, 2)}, {2, tile(16, 3)}};
  const auto plan = finalist_plan(defaults, {{1, {tile(32, 2), tile(16, 2), tile(32, 3)}}, {2, {tile(64, 2)}}});
  const std::vector<Candidate> expected = {
      {1, tile(16, 2)}, {2, tile(16, 3)}, {1, tile(32, 2)}, {2, tile(64, 2)}, {1, tile(32, 3)}};
  EXPECT_EQ(plan, expected);
}

}  // namespace
}  // namespace moetune::daemon::search
