#include "daemon/search/key_cover.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "daemon/search/safety.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon::search {
namespace {

using testing::ElementsAre;

schema::TileConfig tile(int block_size_m) {
  return {block_size_m, 64, 64, 1, 4, 3};
}

Measured row(int block_size_m, double us) {
  return {tile(block_size_m), us, {us, us, us}};
}

CoverPoint point(std::int64_t batch, bool asked, int choice, std::vector<CoverOption> others = {}) {
  CoverPoint point{.batch = batch, .choice = tile(choice), .asked = asked, .options = {{tile(choice), 0, true}}};
  point.options.insert(point.options.end(), others.begin(), others.end());
  return point;
}

CoverOption safe(int block_size_m, double loss) {
  return {tile(block_size_m), loss, true};
}

CoverOption slow(int block_size_m) {
  return {tile(block_size_m), 0, false};
}

CoverKey key(std::int64_t batch, int block_size_m) {
  return {batch, tile(block_size_m)};
}

using File = std::map<std::int64_t, schema::TileConfig>;

File file_of(const std::vector<CoverKey>& keys) {
  File file;
  for (const CoverKey& key : keys) file.emplace(key.batch, key.config);
  return file;
}

/// What a file runs at a batch, by the engine's own rule.
const schema::TileConfig& run_at(const File& file, std::int64_t batch) {
  std::vector<std::int64_t> keys;
  for (const auto& [key, config] : file) keys.push_back(key);
  return file.at(schema::nearest_key(keys, batch));
}

/// What a file costs where one was there before or none, found the slow way. Nothing for one that may not be. Losses
/// are thousandths and weights integers, the largest one 4.
std::optional<std::array<std::int64_t, 6>> cost_of(const std::vector<CoverPoint>& points, const File& file,
                                                   const File& before) {
  const auto held = held_points(points);
  std::array<std::int64_t, 6> cost{};
  for (std::size_t p = 0; p < points.size(); ++p) {
    const CoverPoint& at = points[p];
    if (held[p] && !file.contains(at.batch)) return std::nullopt;
    const auto& config = run_at(file, at.batch);
    const auto option = std::ranges::find(at.options, config, &CoverOption::config);
    if (option == at.options.end() || !option->safe) return std::nullopt;
    const auto thousandths = std::max<std::int64_t>(0, std::llround(1000 * option->loss));
    const auto weight = static_cast<std::int64_t>(at.weight);
    const bool as_before = !before.empty() && run_at(before, at.batch) == config;
    const bool counts = as_before ? option->beaten && thousandths > (at.asked ? 10 : 20) : thousandths > 10;
    if (counts) cost[0] += weight * thousandths;
    cost[4] += weight * thousandths;
    if (!file.contains(at.batch)) continue;
    const auto old = before.find(at.batch);
    const int changed = before.empty() || (old != before.end() && old->second == config) ? 0 : 1;
    cost[1] += 1 + changed;
    cost[2] += changed;
    cost[3] += at.asked ? 0 : 1;
    cost[5] += config == at.choice ? 0 : 1;
  }
  return cost;
}

/// Tries every file that there is.
class EveryFile {
 public:
  explicit EveryFile(const std::vector<CoverPoint>& points, File before = {})
      : points_(points), before_(std::move(before)) {
    extend(0);
  }
  std::vector<CoverKey> best() const {
    std::vector<CoverKey> keys;
    for (const auto& [batch, config] : least_->second) keys.push_back({batch, config});
    return keys;
  }

 private:
  void extend(std::size_t place) {
    if (place == points_.size()) {
      const auto cost = file_.empty() ? std::nullopt : cost_of(points_, file_, before_);
      if (cost && (!least_ || std::pair(*cost, file_) < *least_)) least_ = {*cost, file_};
      return;
    }
    extend(place + 1);
    for (const auto& option : points_[place].options) {
      file_[points_[place].batch] = option.config;
      extend(place + 1);
    }
    file_.erase(points_[place].batch);
  }
  const std::vector<CoverPoint>& points_;
  File before_;
  File file_;
  std::optional<std::pair<std::array<std::int64_t, 6>, File>> least_;
};

std::vector<CoverPoint> random_points(unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); };
  std::vector<CoverPoint> points;
  std::int64_t batch = 0;
  const int count = 1 + below(6);
  for (int p = 0; p < count; ++p) {
    batch += 1 + below(4);
    CoverPoint next = point(batch, (p % 2 == 0) == (below(6) != 0), below(3));
    next.weight = p == 0 ? 4 : 1 + below(4);
    for (int config = 0; config < 3; ++config) {
      if (tile(config) == next.choice || below(5) == 0) continue;
      next.options.push_back({tile(config), (below(28) - 5) / 1000.0, below(4) != 0});
    }
    std::ranges::shuffle(next.options, random);
    points.push_back(std::move(next));
  }
  return points;
}

TEST(KeyCoverTest, IsTheBestOfAllFiles) {
  int dropped = 0;
  int added = 0;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    const auto points = random_points(seed);
    const auto keys = key_cover(points);
    ASSERT_EQ(keys, EveryFile(points).best()) << "seed " << seed;
    for (const auto& at : points) {
      const bool is_key = std::ranges::find(keys, at.batch, &CoverKey::batch) != keys.end();
      dropped += at.asked && !is_key ? 1 : 0;
      added += !at.asked && is_key ? 1 : 0;
    }
  }
  EXPECT_GT(dropped, 40) << "instances that decide nothing prove nothing";
  EXPECT_GT(added, 50);
}

/// The points as another session might see them: the same batches, with losses a little off.
std::vector<CoverPoint> measured_again(std::vector<CoverPoint> points, unsigned seed) {
  std::mt19937 random(seed);
  for (CoverPoint& at : points) {
    for (CoverOption& option : at.options) {
      if (option.config == at.choice) continue;
      option.loss += (static_cast<int>(random() % 13) - 6) / 1000.0;
      option.safe = option.safe != (random() % 12 == 0);
      option.beaten = option.loss > k_near_tie && random() % 2 == 0;
    }
  }
  return points;
}

TEST(KeyCoverTest, WhereAFileWasThereBeforeItIsTheBestOfAllFilesToo) {
  int stayed = 0;
  int moved = 0;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    const auto points = random_points(seed);
    const auto before = key_cover(points);
    const auto again = measured_again(points, seed + 1);
    const auto keys = key_cover(again, before);
    ASSERT_EQ(keys, EveryFile(again, file_of(before)).best()) << "seed " << seed;
    if (before == key_cover(again)) continue;
    ++(keys == before ? stayed : moved);
  }
  EXPECT_GT(stayed, 30);
  EXPECT_GT(moved, 50);
}

TEST(KeyCoverTest, OneNewKeyIsWorthMoreThanTwoOldOnes) {
  // 2 would serve all between 32 and 64 with one key.
  std::vector points = {point(32, true, 1), point(40, false, 3, {safe(2, 0.004)}),
                        point(48, false, 4, {safe(2, 0.004)}), point(64, true, 5)};
  std::vector before = {key(32, 1), key(40, 3), key(48, 4), key(64, 5)};
  EXPECT_THAT(key_cover(points), ElementsAre(key(32, 1), key(40, 2), key(64, 5)));
  EXPECT_EQ(key_cover(points, before), before);
  points.insert(points.begin() + 2, point(44, false, 6, {safe(2, 0.004)}));
  before.insert(before.begin() + 2, key(44, 6));
  EXPECT_THAT(key_cover(points, before), ElementsAre(key(32, 1), key(40, 2), key(64, 5)));
}

TEST(KeyCoverTest, EveryBatchIsAKeyWhereNothingBetweenThemWasMeasured) {
  EXPECT_THAT(key_cover(std::vector{point(1, true, 1), point(2, true, 1), point(4, true, 1), point(8, true, 1)}),
              ElementsAre(key(1, 1), key(2, 1), key(4, 1), key(8, 1)));
  EXPECT_THAT(key_cover(std::vector{point(1, true, 1), point(2, true, 1), point(3, true, 1), point(8, true, 1)}),
              ElementsAre(key(1, 1), key(3, 1), key(8, 1)))
      << "on either side of 2 there is nothing to measure";
  EXPECT_THAT(key_cover(std::vector{point(16, true, 1), point(64, true, 2, {safe(1, 0.002)}), point(256, true, 1)}),
              ElementsAre(key(16, 1), key(64, 2), key(256, 1)));
}

TEST(KeyCoverTest, LeavesABatchOutWhoseNeighboursServeIt) {
  EXPECT_THAT(key_cover(std::vector{point(16, true, 1), point(24, false, 1), point(32, true, 1), point(48, false, 1),
                                    point(64, true, 1)}),
              ElementsAre(key(16, 1), key(64, 1)));
  EXPECT_THAT(key_cover(std::vector{point(16, true, 1), point(24, false, 1), point(32, true, 1), point(64, true, 1)}),
              ElementsAre(key(16, 1), key(32, 1), key(64, 1)))
      << "nobody knows of 48";
}

TEST(KeyCoverTest, AddsAKeyWhereTheNearestOnesConfigurationIsSlowerThanTheDefault) {
  // vLLM's trap: 768 would run with what is best at 512.
  const std::vector points = {point(512, true, 1), point(768, false, 9, {slow(1), slow(2)}), point(1024, true, 2)};
  EXPECT_THAT(key_cover(points), ElementsAre(key(512, 1), key(768, 9), key(1024, 2)));
}

TEST(KeyCoverTest, AConfigurationThatWasNotMeasuredThereIsNotRun) {
  const std::vector points = {point(512, true, 1), point(768, false, 9), point(1024, true, 2)};
  EXPECT_THAT(key_cover(points), ElementsAre(key(512, 1), key(768, 9), key(1024, 2)));
}

TEST(KeyCoverTest, ANearTieServesMoreBatches) {
  const std::vector points = {point(512, true, 1, {safe(2, 0.009)}), point(768, false, 2, {slow(1)}),
                              point(1024, true, 2)};
  EXPECT_THAT(key_cover(points), ElementsAre(key(512, 2), key(1024, 2)));
}

TEST(KeyCoverTest, WhatIsSlowerThanANearTieIsWorthAKey) {
  const std::vector points = {point(512, true, 1), point(768, false, 2, {safe(1, 0.011)}),
                              point(1024, true, 3, {safe(2, 0.02)})};
  EXPECT_THAT(key_cover(points), ElementsAre(key(512, 1), key(768, 2), key(1024, 3)));
}

TEST(KeyCoverTest, NearTiesAreDecidedByTheWeights) {
  // One key serves 12 and its neighbours: 1 is better at 12, 2 at 13, both by a near-tie.
  std::vector points = {point(10, true, 5), point(12, false, 1, {safe(2, 0.004), slow(5)}),
                        point(13, false, 2, {safe(1, 0.004), slow(5)}), point(16, true, 5)};
  points[1].weight = 3;
  EXPECT_THAT(key_cover(points), ElementsAre(key(10, 5), key(12, 1), key(16, 5)));
  points[1].weight = 0.3;
  EXPECT_THAT(key_cover(points), ElementsAre(key(10, 5), key(13, 2), key(16, 5)));
}

TEST(KeyCoverTest, TheLowerOfTwoEquallyNearKeysServes) {
  const std::vector points = {point(4, true, 1), point(6, false, 2, {slow(1)}), point(8, true, 2)};
  EXPECT_THAT(key_cover(points), ElementsAre(key(4, 1), key(6, 2), key(8, 2))) << "6 would run what 4 runs";
}

TEST(KeyCoverTest, NoPointsNoKeys) {
  EXPECT_TRUE(key_cover({}).empty());
}

TEST(KeyCoverTest, AHundredPointsTakeLessThanASecond) {
  std::mt19937 random(1);
  std::vector<CoverPoint> points;
  for (int p = 0; p < 100; ++p) {
    CoverPoint next = point(10 * (p + 1), p % 4 == 0, static_cast<int>(random() % 60));
    for (int config = 0; config < 60; ++config) {
      if (tile(config) != next.choice) next.options.push_back(safe(config, static_cast<double>(random() % 50) / 1000));
    }
    points.push_back(std::move(next));
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(key_cover(points).empty());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
}

class CoverPointTest : public testing::Test {
 protected:
  static CoverPoint of(const ModelRows& rows, const Measured& best) {
    const auto choice = choose(best, rows.fallback);
    return cover_point(64, {rows}, {choice.config, choice.is_default, choice.reason, {{choice.latency_us, {}, {}}}});
  }
  static bool is_safe(const CoverPoint& point, int config) {
    return std::ranges::find(point.options, tile(config), &CoverOption::config)->safe;
  }
};

TEST_F(CoverPointTest, SafeIsWhatIsNotSlowerThanTheDefaultBeyondNoise) {
  const ModelRows rows{Default{tile(16), row(16, 100), false}, {row(32, 80), row(64, 100.1), row(16, 100)}};
  const auto point = of(rows, row(32, 80));
  EXPECT_EQ(point.batch, 64);
  EXPECT_EQ(point.choice, tile(32));
  ASSERT_EQ(point.options.size(), 3U);
  EXPECT_TRUE(is_safe(point, 32));
  EXPECT_TRUE(is_safe(point, 16));
  EXPECT_FALSE(is_safe(point, 64));
  EXPECT_DOUBLE_EQ(point.options[2].loss, 0.25);
}

TEST_F(CoverPointTest, WithoutRoundsInTurnsALossBeatsNothingUnlessItIsLarge) {
  const auto in_rounds = [](int config, double us, std::size_t rounds) {
    Measured measured = row(config, us);
    measured.samples_us = {us, us, us};
    measured.rounds_us = std::vector<double>(rounds, us);
    return measured;
  };
  const ModelRows rows{Default{tile(16), in_rounds(16, 100, 4), false},
                       {in_rounds(32, 80, 4), in_rounds(48, 81.4, 4), in_rounds(64, 81.4, 1), in_rounds(80, 82, 1),
                        in_rounds(16, 100, 4)}};
  const auto point = of(rows, in_rounds(32, 80, 4));
  const auto beaten = [&](int config) {
    return std::ranges::find(point.options, tile(config), &CoverOption::config)->beaten;
  };
  EXPECT_TRUE(beaten(48));
  EXPECT_FALSE(beaten(64));
  EXPECT_TRUE(beaten(80));
}

TEST_F(CoverPointTest, ADefaultThatWasNotMeasuredLeavesItAlone) {
  const ModelRows rows{Default{tile(16), std::nullopt, false}, {row(32, 80), row(64, 90)}};
  const auto point = of(rows, row(32, 80));
  EXPECT_EQ(point.choice, tile(16));
  EXPECT_TRUE(is_safe(point, 16));
  EXPECT_FALSE(is_safe(point, 32));
}

TEST_F(CoverPointTest, ADefaultThatFailsOrThatNobodyKnowsConstrainsNothing) {
  for (const auto& fallback : {std::optional(Default{tile(16), std::nullopt, true}), std::optional<Default>()}) {
    const auto point = of({fallback, {row(32, 80), row(64, 90)}}, row(32, 80));
    EXPECT_TRUE(is_safe(point, 64));
    EXPECT_DOUBLE_EQ(point.options.at(1).loss, 0.125) << "but it counts";
  }
}

TEST_F(CoverPointTest, OfSeveralProblemsTheOneThatIsWorstOffCounts) {
  const std::optional fallback = Default{tile(16), row(16, 100), false};
  const std::vector<ModelRows> models = {
      {fallback, {row(32, 80), row(48, 84), row(64, 80), row(80, 70), row(16, 100)}},
      {fallback, {row(32, 90), row(48, 90), row(64, 101), row(16, 100)}},
  };
  const auto point = cover_point(64, models, *merged_choice(models));
  EXPECT_EQ(point.choice, tile(32));
  ASSERT_EQ(point.options.size(), 4U) << "80 is not common";
  EXPECT_TRUE(is_safe(point, 48));
  EXPECT_DOUBLE_EQ(std::ranges::find(point.options, tile(48), &CoverOption::config)->loss, 84.0 / 80 - 1);
  EXPECT_FALSE(is_safe(point, 64));
  const std::set wanted = {tile(48), tile(80)};
  EXPECT_EQ(cover_point(64, models, *merged_choice(models), &wanted).options.size(), 2U);
}

TEST(SafetyTest, NoiseIsTheWiderSpreadAndAtMostWhatSessionsDifferBy) {
  const Measured standard{tile(16), 100, {99.9, 100, 100.1}};
  EXPECT_FALSE(slower_beyond_noise({tile(32), 90, {90, 90, 90}}, standard));
  EXPECT_FALSE(slower_beyond_noise({tile(32), 100.1, {100, 100.1, 100.2}}, standard));
  EXPECT_TRUE(slower_beyond_noise({tile(32), 100.3, {100.2, 100.3, 100.4}}, standard));
  EXPECT_FALSE(slower_beyond_noise({tile(32), 100.9, {90, 100.9, 110}}, standard)) << "its samples are that wide";
  EXPECT_TRUE(slower_beyond_noise({tile(32), 101.1, {90, 101.1, 110}}, standard));
}

/// Wide samples, whose medians took turns with a default of 100.
Measured in_turns(std::vector<double> rounds_us) {
  return {tile(32), 100, {90, 100, 110}, std::move(rounds_us)};
}

TEST(SafetyTest, WhereBothTookTurnsTheRoundsDecide) {
  const Measured standard{tile(16), 100, {90, 100, 110}, {100, 100, 100, 100, 100}};
  EXPECT_TRUE(slower_beyond_noise(in_turns({100.5, 100.51, 100.5, 100.49, 100.5}), standard)) << "each round says so";
  EXPECT_FALSE(slower_beyond_noise(in_turns({100.2, 100.21, 100.2, 100.19, 100.2}), standard)) << "a position's noise";
  EXPECT_FALSE(slower_beyond_noise(in_turns({100.5, 98, 103, 99.5, 100.6}), standard)) << "some rounds say otherwise";
  EXPECT_TRUE(slower_beyond_noise(in_turns({101.5, 98, 106, 99.5, 104}), standard)) << "sessions differ by less";
  EXPECT_FALSE(slower_beyond_noise(in_turns({99, 99, 99}), standard));
  EXPECT_FALSE(slower_beyond_noise(in_turns({100.9, 100.9}), standard)) << "two rounds say nothing, the spread does";
}

}  // namespace
}  // namespace moetune::daemon::search
