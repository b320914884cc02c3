#include "daemon/search/race.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

namespace moetune::daemon::search {
namespace {

using schema::TileConfig;
using Measure = std::function<RaceOutcome(const Candidate&)>;

const std::vector<std::int64_t> k_batches = {1, 4, 16, 64, 128, 512, 1024, 4096};

std::vector<TileConfig> configs() {
  std::vector<TileConfig> all;
  for (const int m : {16, 32, 64, 128}) {
    for (const int n : {32, 64, 128, 256}) {
      for (const int k : {64, 128, 256}) {
        for (const int group : {1, 16, 32, 64}) {
          for (const int warps : {4, 8}) {
            for (const int stages : {2, 3, 4, 5}) all.push_back({m, n, k, group, warps, stages});
          }
        }
      }
    }
  }
  return all;
}

std::map<std::int64_t, TileConfig> defaults(const std::vector<std::int64_t>& batches = k_batches) {
  std::map<std::int64_t, TileConfig> of_batch;
  for (const auto batch : batches) of_batch[batch] = {64, 64, 64, 1, 4, 3};
  return of_batch;
}

std::vector<Candidate> plan(const std::vector<std::int64_t>& batches = k_batches) {
  return exhaustive_plan(defaults(batches), configs());
}

/// A valley: the best tile grows with the batch, more BLOCK_SIZE_K wants fewer stages, larger tiles more warps.
double latency_us(const Candidate& candidate) {
  const auto& c = candidate.config;
  const double wanted_m = std::clamp(4 + std::log2(static_cast<double>(candidate.batch)) / 4, 4.0, 7.0);
  const double m = std::log2(c.block_size_m) - wanted_m;
  const double n = std::log2(c.block_size_n) - 7;
  const double filled = std::log2(c.block_size_k * c.num_stages) - std::log2(64 * 4);
  const double registers = std::log2(c.block_size_m * c.block_size_n / c.num_warps) - 10;
  const double group = c.group_size_m == 16 ? 0 : 0.3;
  return 100 * (1 + 0.08 * m * m + 0.06 * n * n + 0.05 * filled * filled + 0.03 * std::abs(registers) + 0.01 * group);
}

RaceOutcome measured(const Candidate& candidate) {
  return {.latency_us = latency_us(candidate)};
}

/// Measures what the race wants until it wants no more; in a random order of answers with `shuffle`.
std::set<Candidate> run(Race& race, const Measure& measure, std::mt19937* shuffle = nullptr) {
  std::set<Candidate> wanted;
  std::vector<Candidate> under_way;
  while (true) {
    for (const Candidate& candidate : race.take_wanted()) {
      EXPECT_TRUE(wanted.insert(candidate).second) << "wanted twice";
      under_way.push_back(candidate);
    }
    if (under_way.empty()) return wanted;
    if (shuffle != nullptr) std::ranges::shuffle(under_way, *shuffle);
    race.tell(under_way.back(), measure(under_way.back()));
    under_way.pop_back();
  }
}

TEST(RaceTest, FindsTheBestOfEveryBatchInAFractionOfTheSpace) {
  Race race(plan(), defaults(), {}, false);
  const auto wanted = run(race, measured);
  EXPECT_TRUE(race.done());
  EXPECT_LT(wanted.size(), plan().size() / 10);
  for (const auto batch : k_batches) {
    double best_wanted = 1e9;
    double best = 1e9;
    for (const Candidate& candidate : plan()) {
      if (candidate.batch != batch) continue;
      best = std::min(best, latency_us(candidate));
      if (wanted.contains(candidate)) best_wanted = std::min(best_wanted, latency_us(candidate));
    }
    EXPECT_LE(best_wanted, best * 1.002) << batch;
  }
}

TEST(RaceTest, CompilesFewTiles) {
  Race race(plan(), defaults(), {}, false);
  std::set<TileConfig> tiles;
  for (const Candidate& candidate : run(race, measured)) tiles.insert(without_group(candidate.config));
  EXPECT_LT(tiles.size(), configs().size() / 4 / 2);
}

TEST(RaceTest, DecidesTheSameInWhateverOrderOutcomesCome) {
  Race first(plan(), defaults(), {}, false);
  const auto expected = run(first, measured);
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    Race race(plan(), defaults(), {}, false);
    EXPECT_EQ(run(race, measured, &random), expected) << seed;
  }
}

TEST(RaceTest, GoesOnWhereAnotherWasCutOff) {
  Race whole(plan(), defaults(), {}, false);
  const auto expected = run(whole, measured);
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    std::set<Candidate> before;
    const std::size_t cut_after = random() % expected.size();
    {
      Race cut(plan(), defaults(), {}, false);
      std::vector<Candidate> under_way;
      while (before.size() < cut_after) {
        for (const Candidate& candidate : cut.take_wanted()) under_way.push_back(candidate);
        std::ranges::shuffle(under_way, random);
        cut.tell(under_way.back(), measured(under_way.back()));
        before.insert(under_way.back());
        under_way.pop_back();
      }
    }
    Race race(plan(), defaults(), {}, false);
    for (const Candidate& candidate : before) race.tell(candidate, measured(candidate));
    EXPECT_EQ(run(race, measured), expected) << seed;
    EXPECT_TRUE(race.done());
  }
}

/// No valley: every tile is up to half as slow again by chance, and the large ones have no room.
RaceOutcome rugged(const Candidate& candidate) {
  const auto& c = candidate.config;
  if ((c.num_stages - 1) * (c.block_size_m + c.block_size_n) * c.block_size_k > 72 << 10) {
    return {.out_of_resources = true};
  }
  std::seed_seq seed{static_cast<int>(candidate.batch),
                     c.block_size_m,
                     c.block_size_n,
                     c.block_size_k,
                     c.group_size_m,
                     c.num_warps,
                     c.num_stages};
  std::mt19937 random(seed);
  return {.latency_us = latency_us(candidate) * std::uniform_real_distribution(1.0, 1.5)(random)};
}

TEST(RaceTest, GoesOnWhereAnotherWasCutOffInRuggedCountry) {
  Race whole(plan(), defaults(), {}, false);
  const auto expected = run(whole, rugged);
  EXPECT_TRUE(whole.done());
  const std::vector<Candidate> all(expected.begin(), expected.end());
  for (unsigned seed = 0; seed < 30; ++seed) {
    std::mt19937 random(seed);
    Race cut(plan(), defaults(), {}, false);
    std::vector<Candidate> before;
    std::vector<Candidate> under_way;
    for (std::size_t count = random() % expected.size(); before.size() < count;) {
      for (const Candidate& candidate : cut.take_wanted()) under_way.push_back(candidate);
      std::ranges::shuffle(under_way, random);
      cut.tell(under_way.back(), rugged(under_way.back()));
      before.push_back(under_way.back());
      under_way.pop_back();
    }
    Race race(plan(), defaults(), {}, false);
    for (const Candidate& candidate : before) race.tell(candidate, rugged(candidate));
    EXPECT_EQ(run(race, rugged), expected) << seed;
  }
}

/// Two valleys far apart, of small tiles and of wide ones. The anchors (1, 16, 512 and 4096) prefer the small ones,
/// what is between the middle two of them the others.
RaceOutcome in_two_valleys(const Candidate& candidate) {
  const auto& c = candidate.config;
  const double to_small = std::abs(std::log2(c.block_size_m) - 4) + std::abs(std::log2(c.block_size_n) - 5);
  const double to_wide = std::abs(std::log2(c.block_size_m) - 7) + std::abs(std::log2(c.block_size_n) - 8);
  const bool prefers_wide = candidate.batch > 16 && candidate.batch < 512;
  const double small = (prefers_wide ? 110 : 100) * (1 + 0.1 * to_small);
  const double wide = (prefers_wide ? 100 : 110) * (1 + 0.1 * to_wide);
  return {.latency_us = std::min(small, wide) * (1 + 0.01 * std::abs(c.num_stages - 3))};
}

TEST(RaceTest, FindsTheValleyThatIsSecondAtTheAnchors) {
  const auto finds = [](const RaceRule& rule, std::int64_t batch) {
    Race race(plan(), defaults(), {}, false, rule);
    return std::ranges::any_of(run(race, in_two_valleys), [&](const Candidate& candidate) {
      return candidate.batch == batch && *in_two_valleys(candidate).latency_us <= 100;
    });
  };
  for (const auto batch : k_batches) EXPECT_TRUE(finds({}, batch)) << batch;
  EXPECT_FALSE(finds({.from_each_anchor = 1, .from_both_anchors = 0}, 64)) << "the valleys lie too near each other";
}

/// At the anchors 8 warps are 10 % slower: too slow for a tile that nobody has compiled, and no reason not to measure
/// one that is there.
TEST(RaceTest, StepsFurtherToTilesThatTheAnchorsHaveCompiled) {
  const auto slow_with_eight = [](const Candidate& candidate) {
    RaceOutcome outcome = measured(candidate);
    if (candidate.config.num_warps == 8) *outcome.latency_us *= 1.10;
    return outcome;
  };
  const auto tiles_with = [&](double worse_new_value) {
    Race race(plan(), defaults(), {}, false, {.worse_new_value = worse_new_value});
    std::set<TileConfig> tiles;
    for (const Candidate& candidate : run(race, slow_with_eight)) tiles.insert(without_group(candidate.config));
    return tiles.size();
  };
  EXPECT_LT(tiles_with(1.05), tiles_with(1.2));
}

TEST(RaceTest, ABatchWhereNothingThatOthersFoundGoodIsACandidateSearchesForItself) {
  std::vector<Candidate> uneven;
  for (const Candidate& candidate : plan()) {
    const bool small = candidate.config.block_size_m == 16;
    if (small == (candidate.batch == 16) && candidate.config != defaults().at(candidate.batch)) {
      uneven.push_back(candidate);
    }
  }
  Race race(uneven, defaults(), {}, false);
  const auto wanted = run(race, measured);
  EXPECT_TRUE(race.done());
  EXPECT_GT(std::ranges::count(wanted, 16, &Candidate::batch), 10);
}

TEST(RaceTest, TheDefaultAndTheSeedsOfEveryBatchComeFirst) {
  const TileConfig seed{16, 256, 64, 32, 8, 5};
  const TileConfig elsewhere{16, 512, 64, 32, 8, 5};  // no candidate
  Seeds seeds;
  for (const auto batch : k_batches) seeds[batch] = {seed, elsewhere};
  Race race(plan(), defaults(), seeds, false);
  const auto first = race.take_wanted();
  for (const auto batch : k_batches) {
    EXPECT_EQ(std::ranges::count(first, Candidate{batch, defaults().at(batch)}), 1) << batch;
    EXPECT_EQ(std::ranges::count(first, Candidate{batch, seed}), 1) << batch;
    EXPECT_EQ(std::ranges::count(first, Candidate{batch, elsewhere}), 0) << batch;
  }
}

TEST(RaceTest, FewCandidatesAreAllMeasured) {
  std::vector<TileConfig> few = configs();
  few.resize(31);
  const auto all = exhaustive_plan(defaults({1, 64}), few);  // and the default
  Race race(all, defaults({1, 64}), {}, false);
  EXPECT_EQ(race.take_wanted().size(), all.size());
  for (const Candidate& candidate : all) race.tell(candidate, measured(candidate));
  EXPECT_TRUE(race.take_wanted().empty());
  EXPECT_TRUE(race.done());
}

TEST(RaceTest, EndsWhenNothingRuns) {
  Race race(plan(), defaults(), {}, false);
  const auto wanted = run(race, [](const Candidate&) { return RaceOutcome{}; });
  EXPECT_TRUE(race.done());
  for (const auto batch : k_batches) EXPECT_TRUE(wanted.contains({batch, defaults().at(batch)})) << batch;
}

TEST(RaceTest, AFailedBatchDoesNotHoldUpTheOthers) {
  Race race(plan(), defaults(), {}, false);
  const auto wanted =
      run(race, [](const Candidate& candidate) { return candidate.batch == 1 ? RaceOutcome{} : measured(candidate); });
  EXPECT_TRUE(race.done());
  EXPECT_GT(std::ranges::count(wanted, 4096, &Candidate::batch), 30);
}

TEST(RaceTest, LeavesOutWhatIsLargerThanWhatHadNoRoom) {
  const auto bytes = [](const TileConfig& c) {
    return (c.num_stages - 1) * (c.block_size_m + c.block_size_n) * c.block_size_k * 2;
  };
  constexpr int k_room = 96 << 10;
  const auto is_no_smaller = [](const TileConfig& c, const TileConfig& than) {
    return c.num_warps == than.num_warps && c.block_size_m >= than.block_size_m &&
           c.block_size_n >= than.block_size_n && c.block_size_k >= than.block_size_k &&
           c.num_stages >= than.num_stages;
  };
  Race race(plan(), defaults(), {}, false);
  std::set<Candidate> without_room;
  std::size_t larger_than_the_room = 0;
  for (auto wanted = race.take_wanted(); !wanted.empty(); wanted = race.take_wanted()) {
    for (const Candidate& candidate : wanted) {
      const bool known = std::ranges::any_of(without_room, [&](const Candidate& failed) {
        return failed.batch == candidate.batch && is_no_smaller(candidate.config, failed.config);
      });
      EXPECT_FALSE(known) << candidate.batch << " " << short_text(candidate.config);
    }
    for (const Candidate& candidate : wanted) {
      const bool fits = bytes(candidate.config) <= k_room;
      race.tell(candidate, fits ? measured(candidate) : RaceOutcome{.out_of_resources = true});
      if (fits) continue;
      without_room.insert(candidate);
      ++larger_than_the_room;
    }
  }
  EXPECT_TRUE(race.done());
  EXPECT_GT(larger_than_the_room, k_batches.size()) << "the space has to try it";
}

TEST(RaceTest, OneBatchIsSearchedFromNothing) {
  Race race(plan({64}), defaults({64}), {}, false);
  const auto wanted = run(race, measured);
  EXPECT_TRUE(race.done());
  EXPECT_GT(wanted.size(), 30u);
}

TEST(RaceTest, WithoutCandidatesItIsOver) {
  Race race({}, {}, {}, false);
  EXPECT_TRUE(race.take_wanted().empty());
  EXPECT_TRUE(race.done());
}

TEST(RaceTest, WithPairsTheBestOfEachGemmIsFound) {
  // GEMM 2 wants narrow tiles, GEMM 1 wide ones; their sum is best in between.
  const auto gemm = [](const Candidate& candidate, double wanted_n) {
    const auto& c = candidate.config;
    const double n = std::log2(c.block_size_n) - wanted_n;
    const double m = std::log2(c.block_size_m) - 5;
    return 50 * (1 + 0.05 * n * n + 0.1 * m * m + 0.01 * c.num_stages + 0.001 * c.group_size_m +
                 0.01 * std::abs(std::log2(c.block_size_k) - 7) + 0.01 * (c.num_warps == 4 ? 0 : 1));
  };
  Race race(plan(), defaults(), {}, true);
  const auto wanted = run(race, [&](const Candidate& candidate) {
    const double first = gemm(candidate, 8);
    const double second = gemm(candidate, 5);
    return RaceOutcome{.latency_us = first + second, .gemm_1_us = first, .gemm_2_us = second};
  });
  EXPECT_TRUE(race.done());
  for (const auto batch : k_batches) {
    EXPECT_TRUE(wanted.contains({batch, {32, 256, 128, 1, 4, 2}})) << batch;
    EXPECT_TRUE(wanted.contains({batch, {32, 32, 128, 1, 4, 2}})) << batch;
  }
}

TEST(RaceTest, SaysHowMuchIsLikelyToCome) {
  Race race(plan(), defaults(), {}, false);
  for (const auto& [batch, more] : race.expected_beyond_wanted()) EXPECT_LT(more, configs().size() / 10);
  EXPECT_GT(race.expected_beyond_wanted().at(4), 0u) << "no anchor: most of it is still to come";
  run(race, measured);
  for (const auto& [batch, more] : race.expected_beyond_wanted()) EXPECT_EQ(more, 0u) << batch;
}

}  // namespace
}  // namespace moetune::daemon::search
