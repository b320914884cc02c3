#include "daemon/file_plan.hpp"

#include <gmock/gmock.h>

#include "db/traffic_store.hpp"
#include "tests/daemon/planned_sweeps.hpp"

namespace moetune::daemon {
namespace {

using db::example_config;
using db::ok_trial;
using testing::ElementsAre;
using testing::IsEmpty;

class FilePlanTest : public PlannedSweepsTest {
 protected:
  static std::vector<std::pair<std::int64_t, int>> keys(const FilePlan& plan) {
    std::vector<std::pair<std::int64_t, int>> keys;
    for (int config = 0; config < 10; ++config) {
      for (const auto& key : plan.keys) {
        if (key.choice.config == example_config(config)) keys.emplace_back(key.batch, config);
      }
    }
    std::ranges::sort(keys);
    return keys;
  }
  static const FilePoint& at(const FilePlan& plan, std::int64_t batch) {
    return *std::ranges::find(plan.problems.at(0).points, batch, &FilePoint::batch);
  }
};

using Key = std::pair<std::int64_t, int>;

TEST_F(FilePlanTest, WithoutRowsBetweenThemAllBatchesAreKeys) {
  sweep_of({16, 32, 64}, {{16, {{1, 80}}}, {32, {{1, 80}}}, {64, {{1, 80}}}});
  const auto file = plan();
  EXPECT_THAT(keys(file), ElementsAre(Key(16, 1), Key(32, 1), Key(64, 1)));
  EXPECT_THAT(file.left_out, IsEmpty());
  EXPECT_THAT(file.measured_batches(), ElementsAre(16, 32, 64));
  EXPECT_EQ(at(file, 32).standing, PointStanding::faster);
  EXPECT_DOUBLE_EQ(at(file, 32).ratio().value(), 0.8);
  EXPECT_TRUE(at(file, 32).asked);
}

TEST_F(FilePlanTest, AKeyIsAddedWhereTheNearestOneWouldBeSlowerThanTheDefault) {
  sweep_of({512, 1024}, {{512, {{1, 80}}}, {768, {{1, 120}, {2, 104}}}, {1024, {{2, 70}}}});
  const auto file = plan();
  EXPECT_THAT(keys(file), ElementsAre(Key(512, 1), Key(768, 0), Key(1024, 2)));
  EXPECT_EQ(file.keys[1].choice.reason, "added between 512 and 1024: the default is the best");
  EXPECT_EQ(at(file, 768).key, 768);
  EXPECT_EQ(at(file, 768).standing, PointStanding::is_default);
  EXPECT_FALSE(at(file, 768).asked);
}

TEST_F(FilePlanTest, AKeyIsPinnedToTheDefaultWhereThatIsCheaperThanAnotherKey) {
  // 1 is a near-tie at 16, and 24 would be slower with it.
  rule_.min_gain = 0.001;
  sweep_of({16, 32}, {{16, {{1, 99.6}}}, {24, {{1, 130}}}, {32, {}}});
  const auto file = plan();
  EXPECT_THAT(keys(file), ElementsAre(Key(16, 0), Key(32, 0)));
  EXPECT_EQ(at(file, 24).key, 16);
  EXPECT_EQ(file.keys[0].choice.reason,
            "pinned to the default: " + short_text(example_config(1)) +
                ", the choice for this batch alone, is slower than the default at M=24, which this key serves");
  EXPECT_TRUE(file.keys[0].choice.is_default);
  EXPECT_EQ(file.keys[0].choice.standings[0].latency_us, 100);
}

TEST_F(FilePlanTest, ABatchIsLeftOutWhereItsNeighbourServesIt) {
  sweep_of({16, 32, 64},
           {{16, {{1, 80}}}, {24, {{1, 80}}}, {32, {{1, 80}, {2, 79.8}}}, {48, {{1, 80}}}, {64, {{1, 80}}}});
  const auto file = plan();
  EXPECT_THAT(keys(file), ElementsAre(Key(16, 1), Key(64, 1)));
  ASSERT_EQ(file.left_out.size(), 1U);
  EXPECT_EQ(file.left_out[0].batch, 32);
  EXPECT_EQ(file.left_out[0].key, 16);
  EXPECT_EQ(file.left_out[0].reason, "key 16 runs " + short_text(example_config(1)) +
                                         " here, 0.25 % slower than the choice for this batch alone");
  EXPECT_THAT(file.measured_batches(), ElementsAre(16, 24, 32, 48, 64));
  EXPECT_EQ(at(file, 48).key, 64);
}

TEST_F(FilePlanTest, ABatchThatAnySweepAskedForIsAskedFor) {
  sweep_of({16, 32, 64}, {{16, {{1, 80}}}, {24, {{1, 80}}}, {32, {{1, 80}}}, {48, {{1, 80}}}, {64, {{1, 80}}}});
  sweep_of({24, 32, 48}, {{24, {{1, 90}}}, {32, {{1, 90}}}, {48, {{1, 90}}}});
  EXPECT_EQ(plan().keys.size(), 5U);
}

TEST_F(FilePlanTest, TrafficDecidesBetweenNearTies) {
  const std::vector<Rows> rows = {
      {10, {{5, 50}}}, {12, {{1, 80}, {2, 80.3}}}, {13, {{1, 80.3}, {2, 80}}}, {16, {{5, 50}}}};
  sweep_of({10, 16}, rows);
  const auto steps_of = [&](std::int64_t tokens) {
    write([&](db::Transaction& transaction) {
      return db::add_traffic(transaction, {"a.log", schema::TrafficSource::cudagraph, 1, {{tokens, 100, {}}}});
    });
  };
  steps_of(12);
  EXPECT_THAT(keys(plan()), ElementsAre(Key(10, 5), Key(12, 1), Key(16, 5)));
  steps_of(13);
  EXPECT_THAT(keys(plan()), ElementsAre(Key(10, 5), Key(13, 2), Key(16, 5)));
}

TEST_F(FilePlanTest, WhereSeveralProblemsHaveNothingInCommonButTheDefaultTheFileIsNotKnown) {
  // Each measured its own choice at 768: only the default is common there.
  sweep_of({512, 1024}, {{512, {{1, 80}, {2, 82}, {3, 90}}}, {768, {{1, 80}}}, {1024, {{1, 70}, {2, 72}, {3, 90}}}});
  sweep_of({512, 1024}, {{512, {{1, 99}, {2, 82}, {3, 80}}}, {768, {{3, 80}}}, {1024, {{1, 99}, {2, 72}, {3, 70}}}},
           64);
  const auto file = plan();
  EXPECT_THAT(keys(file), ElementsAre(Key(512, 2), Key(1024, 2)));
  EXPECT_THAT(file.measured_batches(), ElementsAre(512, 1024));
  EXPECT_EQ(at(file, 768).standing, PointStanding::not_measured);
  EXPECT_EQ(at(file, 768).key, 512);
}

TEST_F(FilePlanTest, SeveralProblemsGetAKeyBetweenWhereWhatIsCommonIsWorthOne) {
  for (const int hidden_size : {64, 128}) {
    sweep_of({512, 1024}, {{512, {{1, 80}}}, {768, {{1, 90}, {2, 70}}}, {896, {{2, 70}}}, {1024, {{1, 90}, {2, 70}}}},
             hidden_size);
  }
  const auto file = plan();
  EXPECT_THAT(keys(file), ElementsAre(Key(512, 1), Key(768, 2), Key(1024, 2)));
  EXPECT_EQ(file.keys[1].choice.standings.size(), 2U);
  EXPECT_THAT(file.keys[1].choice.reason, testing::StartsWith("added between 512 and 1024: least worst regret"));
  EXPECT_THAT(file.measured_batches(), ElementsAre(512, 768, 896, 1024));
}

TEST_F(FilePlanTest, WhatIsSlowForOneOfSeveralProblemsIsNotRunThere) {
  sweep_of({512, 1024}, {{512, {{1, 80}}}, {768, {{1, 80}}}, {1024, {{1, 80}}}}, 64);
  sweep_of({512, 1024}, {{512, {{1, 80}}}, {768, {{1, 120}}}, {1024, {{1, 80}}}}, 128);
  const auto file = plan();
  EXPECT_THAT(keys(file), ElementsAre(Key(512, 1), Key(768, 0), Key(1024, 1)));
  EXPECT_EQ(file.keys[1].choice.reason,
            "added between 512 and 1024: default kept: each other common configuration is slower than it for one of "
            "the problems");
}

TEST_F(FilePlanTest, ABatchThatSomeProblemsDidNotAskForIsOneBetween) {
  sweep_of({512, 768, 1024}, {{512, {{1, 80}}}, {768, {{1, 80}}}, {1024, {{1, 80}}}}, 64);
  sweep_of({512, 1024}, {{512, {{1, 80}}}, {768, {{1, 80}}}, {1024, {{1, 80}}}}, 128);
  EXPECT_THAT(keys(plan()), ElementsAre(Key(512, 1), Key(1024, 1)));
}

TEST_F(FilePlanTest, WithoutABatchThatAllProblemsAskedForAllCommonOnesAreKeys) {
  sweep_of({16, 48}, {{16, {{1, 80}}}, {24, {{1, 80}}}, {32, {}}, {48, {{1, 80}}}}, 64);
  sweep_of({24}, {{24, {{1, 80}}}, {32, {}}}, 128);
  const auto file = plan();
  EXPECT_THAT(keys(file), ElementsAre(Key(24, 1), Key(32, 0)));
  ASSERT_EQ(file.missing.size(), 2U);
  EXPECT_EQ(file.missing[0].batch, 16);
}

TEST_F(FilePlanTest, AVllmFileLeavesPairsAside) {
  const auto id = sweep_of({16, 32}, {{16, {{1, 80}}}, {24, {{1, 80}}}, {32, {{1, 80}}}});
  auto pair = ok_trial(24, 0, 60);
  pair.config = schema::paired(example_config(1), example_config(2));
  record(id, pair);
  EXPECT_THAT(keys(plan()), ElementsAre(Key(16, 1), Key(32, 1)));
  EXPECT_EQ(plan(schema::EngineFormat::sglang).keys.at(1).batch, 24);
}

}  // namespace
}  // namespace moetune::daemon
