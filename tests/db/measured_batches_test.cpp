#include "db/measured_batches.hpp"

#include <gmock/gmock.h>

#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using testing::ElementsAre;

class MeasuredBatchesTest : public StoreTest {
 protected:
  std::int64_t group() {
    return read([](Snapshot& snapshot) { return matching_groups(snapshot, {}); }).at(0).id;
  }
  std::set<std::int64_t> asked(Runs runs = Runs::all) {
    return read([&](Snapshot& snapshot) { return asked_batches(snapshot, group(), runs); });
  }
  std::int64_t sweep_over(std::vector<std::int64_t> batches) {
    auto spec = example_spec();
    spec.batches = std::move(batches);
    return new_sweep(spec);
  }
};

TEST_F(MeasuredBatchesTest, AskedForIsWhatASpecNamesAndHasRows) {
  const auto first = sweep_over({1, 16, 64});
  record(first, ok_trial(1, 0, 10));
  record(first, ok_trial(8, 0, 10));
  record(first, ok_trial(16, 0, 10));
  record(first, failed_trial(64, 0, schema::TrialStatus::launch_error));
  EXPECT_THAT(asked(), ElementsAre(1, 16));
  const auto second = sweep_over({8});
  record(second, ok_trial(8, 0, 10));
  EXPECT_THAT(asked(), ElementsAre(1, 8, 16)) << "by any sweep";
  finish(first);
  EXPECT_THAT(asked(Runs::finished), ElementsAre(1, 16));
  discard(first);
  EXPECT_THAT(asked(), ElementsAre(8));
}

TEST_F(MeasuredBatchesTest, WhoComparesCandidatesAsksForNoKey) {
  record(sweep_over({1, 16}), ok_trial(1, 0, 10));
  auto spec = example_spec();
  spec.batches = {16, 24};
  for (const auto batch : spec.batches) spec.candidates[batch] = {example_config(0)};
  const auto compared = new_sweep(spec);
  record(compared, ok_trial(16, 0, 10));
  record(compared, ok_trial(24, 0, 10));
  EXPECT_THAT(asked(), ElementsAre(1));
}

TEST_F(MeasuredBatchesTest, NamesTheSweepsThatAreNotDone) {
  const auto first = sweep_over({1});
  const auto second = sweep_over({1});
  record(first, ok_trial(1, 0, 10));
  record(second, ok_trial(1, 0, 10));
  const auto unfinished = [&] {
    return read([&](Snapshot& snapshot) { return unfinished_sweeps(snapshot, group()); });
  };
  EXPECT_EQ(unfinished(),
            (std::map<std::string, std::int64_t>{{sweep(first).label, first}, {sweep(second).label, second}}));
  finish(first);
  finish(second, schema::SweepState::cancelled);
  EXPECT_EQ(unfinished().size(), 1U) << "a cancelled one is not done";
  discard(second);
  EXPECT_TRUE(unfinished().empty());
}

TEST_F(MeasuredBatchesTest, RowsBesideARowAreThoseOfItsRunAndBatch) {
  const auto first = sweep_over({1, 16});
  record(first, ok_trial(1, 0, 30));
  record(first, ok_trial(1, 1, 10));
  record(first, ok_trial(1, 2, 20));
  record(first, failed_trial(1, 3, schema::TrialStatus::launch_error));
  record(first, ok_trial(16, 4, 5));
  record(sweep_over({1}), ok_trial(1, 5, 15));
  const auto best = read([&](Snapshot& snapshot) { return best_of_group(snapshot, group()); }).at(0).best;
  const auto rows = read([&](Snapshot& snapshot) { return rows_beside(snapshot, best.trial); });
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].trial, best.trial);
  EXPECT_EQ(rows[0].samples_us, best.samples_us);
  EXPECT_EQ(rows[1].config, example_config(2));
  EXPECT_EQ(rows[2].latency_us, 30);
  EXPECT_EQ(rows[2].samples_us, ok_trial(1, 0, 30).samples_us);
  const std::set wanted = {example_config(0), example_config(5)};
  EXPECT_EQ(read([&](Snapshot& snapshot) { return rows_beside(snapshot, best.trial, &wanted); }).size(), 1U);
}

}  // namespace
}  // namespace moetune::db
