#include "daemon/file_in_force.hpp"

#include <gmock/gmock.h>

#include "db/kept_file_store.hpp"
#include "db/traffic_store.hpp"
#include "tests/daemon/planned_sweeps.hpp"

namespace moetune::daemon {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// Batches 10 and 16; between them one key serves 12 and 13, and may stand at either.
class FileInForceTest : public PlannedSweepsTest {
 protected:
  using Key = std::pair<std::int64_t, int>;
  static std::vector<Rows> rows(double at_12, double at_13) {
    return {
        {10, {{5, 50}}}, {12, {{1, at_12}, {2, 80}, {5, 130}}}, {13, {{1, 80}, {2, at_13}, {5, 130}}}, {16, {{5, 50}}}};
  }
  /// Ends a sweep as the scheduler does.
  void end(std::int64_t sweep) {
    const auto group = db::example_group();
    write([&](db::Transaction& transaction) -> schema::Result<void> {
      const auto running = db::change_sweep_state(transaction, sweep, schema::SweepState::running);
      const auto before = files_in_force(transaction, group);
      const auto done = db::change_sweep_state(transaction, sweep, schema::SweepState::done);
      if (!running || !before || !done) return std::unexpected((!running ? running : done).error());
      return keep_files(transaction, group, sweep, *before);
    });
  }
  std::int64_t ended_sweep(const std::vector<Rows>& measured) {
    const auto id = sweep_of({10, 16}, measured);
    end(id);
    return id;
  }
  static std::vector<Key> keys(const FilePlan& plan) {
    std::vector<Key> keys;
    for (const auto& key : plan.keys) {
      int number = 0;
      while (key.choice.config != db::example_config(number)) ++number;
      keys.emplace_back(key.batch, number);
    }
    return keys;
  }
  std::vector<Key> keys() { return keys(plan()); }
};

using Key = std::pair<std::int64_t, int>;

TEST_F(FileInForceTest, NoiseMovesNoKey) {
  ended_sweep(rows(80.2, 80.4));  // 1 loses less at 12 than 2 at 13
  const auto first = keys();
  EXPECT_THAT(first, ElementsAre(Key(10, 5), Key(13, 1), Key(16, 5)));
  const auto second = sweep_of({10, 16}, rows(80.5, 80.1));
  EXPECT_EQ(keys(), first) << "also while the sweep is not done";
  end(second);
  EXPECT_EQ(keys(), first);
  ended_sweep(rows(80.1, 80.5));
  EXPECT_EQ(keys(), first);
}

TEST_F(FileInForceTest, WithoutItTheSameRowsMoveKeys) {
  sweep_of({10, 16}, rows(80.2, 80.4));
  sweep_of({10, 16}, rows(80.5, 80.1));
  EXPECT_THAT(keys(), ElementsAre(Key(10, 5), Key(12, 2), Key(16, 5)));
}

TEST_F(FileInForceTest, AKeySaysThatItStays) {
  const auto first = ended_sweep(rows(80.2, 80.4));
  EXPECT_THAT(plan().keys[1].choice.reason, Not(HasSubstr("kept from")));
  ended_sweep(rows(80.5, 79.5));
  const auto file = plan();
  EXPECT_THAT(file.keys[1].choice.reason, StartsWith("added between 10 and 16: "));
  EXPECT_THAT(file.keys[1].choice.reason, EndsWith("; kept from the file after sweep " + std::to_string(first + 1) +
                                                   ", since nothing measured is a reason to move it"));
  EXPECT_THAT(file.keys[1].choice.reason, HasSubstr("0.63 % slower than"));
  EXPECT_THAT(file.keys[0].choice.reason, Not(HasSubstr("kept from"))) << "it would be there anyway";
}

TEST_F(FileInForceTest, WhatIsReallyFasterReplacesIt) {
  ended_sweep(rows(80.2, 80.4));
  ended_sweep(rows(83, 80.1));
  EXPECT_THAT(keys(), ElementsAre(Key(10, 5), Key(12, 2), Key(16, 5)));
  ended_sweep(rows(80.2, 80.4));
  EXPECT_THAT(keys(), ElementsAre(Key(10, 5), Key(12, 2), Key(16, 5))) << "and is in force from then on";
}

TEST_F(FileInForceTest, WhatIsNotSafeAnyMoreIsReplaced) {
  ended_sweep(rows(80.2, 80.4));
  ended_sweep({{10, {{5, 50}}}, {12, {{1, 104}, {2, 99.5}}}, {13, {{1, 80}, {2, 80.1}}}, {16, {{5, 50}}}});
  const auto file = plan();
  for (const auto& point : file.problems.at(0).points) EXPECT_NE(point.standing, PointStanding::slower) << point.batch;
  EXPECT_THAT(keys(file), ElementsAre(Key(10, 5), Key(12, 2), Key(16, 5)));
}

TEST_F(FileInForceTest, ADiscardedSweepLeavesTheFileBeforeIt) {
  ended_sweep(rows(80.2, 80.4));
  const auto second = ended_sweep(rows(83, 80.1));
  ASSERT_THAT(keys(), ElementsAre(Key(10, 5), Key(12, 2), Key(16, 5)));
  discard(second);
  EXPECT_THAT(keys(), ElementsAre(Key(10, 5), Key(13, 1), Key(16, 5)));
  const auto third = ended_sweep(rows(80.5, 80.1));
  EXPECT_THAT(keys(), ElementsAre(Key(10, 5), Key(13, 1), Key(16, 5)));
  discard(third);
  EXPECT_THAT(keys(), ElementsAre(Key(10, 5), Key(13, 1), Key(16, 5)));
}

TEST_F(FileInForceTest, OtherTrafficPlacesKeysAnewAndThenTheyStay) {
  ended_sweep(rows(80.2, 80.4));
  write([&](db::Transaction& transaction) {
    return db::add_traffic(transaction, {"a.log", schema::TrafficSource::cudagraph, 1, {{12, 100, {}}}});
  });
  const auto by_traffic = keys();
  EXPECT_THAT(by_traffic, ElementsAre(Key(10, 5), Key(12, 2), Key(16, 5))) << "the time is spent at 12";
  ended_sweep(
      {{10, {{5, 50}}}, {12, {{1, 80}, {2, 80.1}, {5, 130}}}, {13, {{1, 80}, {2, 80.4}, {5, 130}}}, {16, {{5, 50}}}});
  EXPECT_EQ(keys(), by_traffic) << "the file that was in force when the sweep ended";
}

TEST_F(FileInForceTest, TheFileOfSeveralProblemsIsPlacedAnew) {
  ended_sweep(rows(80.2, 80.4));
  for (const int hidden_size : {64, 128}) sweep_of({10, 16}, rows(80.5, 80.1), hidden_size);
  const auto groups = read([&](db::Snapshot& snapshot) { return db::matching_groups(snapshot, {}); });
  ASSERT_GT(groups.size(), 1U);
  EXPECT_EQ(keys().at(1), Key(12, 2));
}

TEST_F(FileInForceTest, TellsWhatItRunsAtAnyBatch) {
  const std::vector<std::int64_t> batches = {1, 11, 12, 14, 15};
  const auto runs = [&] {
    return read([&](db::Snapshot& snapshot) { return in_force_at(snapshot, db::example_group(), batches); });
  };
  EXPECT_TRUE(runs().empty());
  const auto id = sweep_of({10, 16}, rows(80.2, 80.4));
  EXPECT_TRUE(runs().empty()) << "it is not done";
  end(id);
  ASSERT_THAT(keys(), ElementsAre(Key(10, 5), Key(13, 1), Key(16, 5)));
  std::map<std::int64_t, schema::TileConfig> expected;
  for (const auto& [batch, config] : {Key(1, 5), Key(11, 5), Key(12, 1), Key(14, 1), Key(15, 5)}) {
    expected.emplace(batch, db::example_config(config));
  }
  EXPECT_EQ(runs(), expected);
}

TEST_F(FileInForceTest, AFormatThatCannotHoldWhatWasMeasuredHasNoFile) {
  const auto id = new_sweep();
  auto pair = db::ok_trial(10, 0, 60);
  pair.config = schema::paired(db::example_config(1), db::example_config(2));
  record(id, pair);
  end(id);
  const auto group = read([&](db::Snapshot& snapshot) { return db::matching_groups(snapshot, {}); }).front().id;
  const auto kept = [&](schema::EngineFormat format) {
    return read([&](db::Snapshot& snapshot) { return db::newest_kept_file(snapshot, group, format); });
  };
  EXPECT_FALSE(kept(schema::EngineFormat::vllm));
  ASSERT_TRUE(kept(schema::EngineFormat::sglang));
  EXPECT_EQ(kept(schema::EngineFormat::sglang)->keys.at(10), pair.config);
}

}  // namespace
}  // namespace moetune::daemon
