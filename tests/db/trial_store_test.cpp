#include "db/trial_store.hpp"

#include <limits>

#include "db/best_query.hpp"
#include "db/trial_listing.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using schema::Trial;
using schema::TrialStatus;

class TrialStoreTest : public StoreTest {
 protected:
  std::vector<StoredTrial> all_rows() {
    return read([&](Snapshot& snapshot) { return list_trials(snapshot, {}, std::nullopt, 1000); });
  }
};

TEST_F(TrialStoreTest, ReturnsEveryFieldAsItWasRecorded) {
  const std::int64_t id = new_sweep();
  Trial trial = ok_trial(16, 3, 18.02);
  trial.samples_us = {18.1, 0.1 + 0.2, 17.999999999999996};
  trial.stages_us = {{"align", 1.25}, {"reduce", 0.5}};
  trial.gpu_uuid = "GPU-1";
  trial.driver = "570.1";
  trial.sm_clock_mhz = 1980;
  trial.throttle = "power";
  trial.tool_version = "0.1.0";
  trial.log_tail = "a \"quoted\" line\nand \xC3\xA9";
  ASSERT_EQ(record(id, trial), Recorded::inserted);
  trial.sweep = sweep(id).label;
  const auto rows = all_rows();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].trial, trial);
  EXPECT_FALSE(rows[0].discarded);
}

TEST_F(TrialStoreTest, KeepsTheFirstRowOfAKey) {
  const std::int64_t id = new_sweep();
  ASSERT_EQ(record(id, ok_trial(1, 0, 20)), Recorded::inserted);
  EXPECT_EQ(record(id, ok_trial(1, 0, 10)), Recorded::already_there);
  EXPECT_EQ(record(id, failed_trial(1, 0, TrialStatus::launch_error)), Recorded::already_there);
  const auto rows = all_rows();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].trial.latency_us, 20);
  EXPECT_EQ(rows[0].trial.samples_us.size(), 3U);
}

TEST_F(TrialStoreTest, TellsPairsOfTilesApart) {
  const std::int64_t id = new_sweep();
  const schema::TileConfig up = ok_trial(1, 0, 20).config;
  schema::TileConfig down = up;
  std::vector<Trial> trials;
  for (const int warps : {up.num_warps, 8, 16}) {
    down.num_warps = warps;
    Trial trial = ok_trial(1, 0, 20 + warps);
    trial.config = paired(up, down);
    trials.push_back(trial);
    EXPECT_EQ(record(id, trial), Recorded::inserted);
    EXPECT_EQ(record(id, trial), Recorded::already_there);
  }
  const auto rows = all_rows();
  ASSERT_EQ(rows.size(), 3U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].trial.config, trials[i].config);
    EXPECT_EQ(rows[i].trial.samples_us, trials[i].samples_us);
  }
  const auto keys = read([&](Snapshot& snapshot) { return finished_trials(snapshot, id); });
  EXPECT_EQ(keys.at(2).config, trials[2].config);
}

TEST_F(TrialStoreTest, OfEquallyFastPairsTheSmallestIsTheBest) {
  schema::TileConfig small = ok_trial(1, 0, 1).config;
  schema::TileConfig large = small;
  small.num_warps = 1;
  large.num_warps = 2;
  const schema::TileConfig up = ok_trial(1, 0, 1).config;
  for (const bool small_first : {false, true}) {
    const std::int64_t id = new_sweep();
    for (const bool first : {true, false}) {
      Trial trial = ok_trial(1, 0, 10);
      trial.config = paired(up, first == small_first ? small : large);
      record(id, trial);
    }
    const auto best = read([&](Snapshot& snapshot) { return best_of_sweep(snapshot, id); });
    EXPECT_EQ(best.at(0).best.config, paired(up, small));
  }
}

TEST_F(TrialStoreTest, RowsOfAScanAreASweepsOwnAndNeverItsBest) {
  const std::int64_t id = new_sweep();
  const auto record_scanned = [&](const Trial& trial) {
    return write([&](Transaction& t) { return record_trial(t, id, trial, schema::SweepPhase::scan); });
  };
  EXPECT_FALSE(database().write(
      [&](Transaction& t) { return record_trial(t, id, ok_trial(1, 0, 1), schema::SweepPhase::scan); }));
  write([&](Transaction& t) {
    return resolve_sweep(t, id, {.resolved = {}, .total = 2, .phase = schema::SweepPhase::scan});
  });
  EXPECT_EQ(sweep(id).phase, schema::SweepPhase::scan);
  Trial scanned = ok_trial(1, 0, 5);
  scanned.group.kernel = "vllm-scan";
  scanned.stages_us = {{"gemm_1", 3}, {"gemm_2", 2}};
  scanned.log_tail = "the clock fell";
  EXPECT_EQ(record_scanned(scanned), Recorded::inserted);
  EXPECT_EQ(record_scanned(scanned), Recorded::already_there);
  write([&](Transaction& t) { return resolve_sweep(t, id, {.resolved = {}, .total = 3}); });
  EXPECT_EQ(record(id, ok_trial(1, 0, 20)), Recorded::inserted);

  const auto scan = read([&](Snapshot& snapshot) { return scanned_rows(snapshot, id); });
  ASSERT_EQ(scan.size(), 1U);
  EXPECT_EQ(scan[0].key.config, scanned.config);
  EXPECT_EQ(scan[0].latency_us, 5);
  EXPECT_EQ(scan[0].stages_us, scanned.stages_us);
  EXPECT_EQ(scan[0].remark, "the clock fell");
  EXPECT_EQ(read([&](Snapshot& snapshot) { return best_of_sweep(snapshot, id); }).at(0).best.latency_us, 20);
  EXPECT_EQ(read([&](Snapshot& snapshot) { return count_trials(snapshot, id); }).at(TrialStatus::ok), 2);
  EXPECT_EQ(read([&](Snapshot& snapshot) { return finished_trials(snapshot, id); }).size(), 1U);
  EXPECT_EQ(read([&](Snapshot& snapshot) { return list_trials(snapshot, {.sweep = id}, std::nullopt, 10); }).size(),
            2U);
}

TEST_F(TrialStoreTest, KeepsOneRowPerSweepAndBatch) {
  const std::int64_t first = new_sweep();
  const std::int64_t second = new_sweep();
  EXPECT_EQ(record(first, ok_trial(1, 0, 20)), Recorded::inserted);
  EXPECT_EQ(record(second, ok_trial(1, 0, 21)), Recorded::inserted);
  EXPECT_EQ(record(first, ok_trial(2, 0, 22)), Recorded::inserted);
  EXPECT_EQ(all_rows().size(), 3U);
}

TEST_F(TrialStoreTest, AppendsSamplesInTheOrderOfTheirArrivalAlsoBeforeTheTrial) {
  const std::int64_t id = new_sweep();
  const TrialKey key{16, example_config(5)};
  write([&](Transaction& transaction) { return append_samples(transaction, id, key, std::vector{3.0, 1.0}); });
  write([&](Transaction& transaction) { return append_samples(transaction, id, key, std::vector{2.0}); });
  write([&](Transaction& transaction) { return append_samples(transaction, id, key, std::vector<double>{}); });
  Trial trial = ok_trial(16, 5, 2);
  trial.samples_us = {4.0};
  record(id, trial);
  const std::vector<double> expected{3.0, 1.0, 2.0, 4.0};
  EXPECT_EQ(read([&](Snapshot& snapshot) { return samples_of(snapshot, id, key); }), expected);
  EXPECT_EQ(all_rows().at(0).trial.samples_us, expected);
  const TrialKey other{16, example_config(6)};
  EXPECT_TRUE(read([&](Snapshot& snapshot) { return samples_of(snapshot, id, other); }).empty());
}

TEST_F(TrialStoreTest, ListsFinishedKeysAndCountsByStatus) {
  const std::int64_t id = new_sweep();
  record(id, ok_trial(16, 1, 2));
  record(id, ok_trial(1, 7, 2));
  record(id, failed_trial(1, 2, TrialStatus::compiler_crash));
  const auto keys = read([&](Snapshot& snapshot) { return finished_trials(snapshot, id); });
  const std::vector<TrialKey> expected{{16, example_config(1)}, {1, example_config(7)}, {1, example_config(2)}};
  EXPECT_EQ(keys, expected);
  const auto counts = read([&](Snapshot& snapshot) { return count_trials(snapshot, id); });
  EXPECT_EQ(counts, (std::map<TrialStatus, std::int64_t>{{TrialStatus::ok, 2}, {TrialStatus::compiler_crash, 1}}));
}

TEST_F(TrialStoreTest, RefusesRowsThatContradictThemselves) {
  const std::int64_t id = new_sweep();
  const auto refused = [&](const Trial& trial) {
    const auto done = database().write([&](Transaction& transaction) { return record_trial(transaction, id, trial); });
    return done ? ErrorCode::internal : done.error().code;
  };
  Trial trial = ok_trial(1, 0, 5);
  trial.latency_us.reset();
  EXPECT_EQ(refused(trial), ErrorCode::invalid_argument);
  trial = failed_trial(1, 0, TrialStatus::wrong_result);
  trial.latency_us = 3;
  EXPECT_EQ(refused(trial), ErrorCode::invalid_argument);
  trial = ok_trial(1, 0, 5);
  trial.latency_us = std::numeric_limits<double>::infinity();
  EXPECT_EQ(refused(trial), ErrorCode::invalid_argument);
  trial = ok_trial(0, 0, 5);
  EXPECT_EQ(refused(trial), ErrorCode::invalid_argument);
  trial = ok_trial(1, 0, 5);
  trial.samples_us.push_back(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(refused(trial), ErrorCode::invalid_argument);
  EXPECT_TRUE(all_rows().empty());
}

TEST_F(TrialStoreTest, NamesASweepThatDoesNotExist) {
  const auto recorded =
      database().write([&](Transaction& transaction) { return record_trial(transaction, 9, ok_trial(1, 0, 5)); });
  ASSERT_FALSE(recorded);
  EXPECT_EQ(recorded.error().code, ErrorCode::not_found);
  EXPECT_NE(recorded.error().message.find("sweep 9"), std::string::npos);
}

}  // namespace
}  // namespace moetune::db
