#include "db/round_store.hpp"

#include <gmock/gmock.h>

#include "db/trial_listing.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RoundStoreTest : public StoreTest {
 protected:
  void append(std::int64_t sweep, const TrialKey& key, const std::vector<double>& samples_us) {
    write([&](Transaction& transaction) { return append_samples(transaction, sweep, key, samples_us); });
  }
  std::vector<std::vector<double>> rounds(std::int64_t sweep, const TrialKey& key) {
    return read([&](Snapshot& snapshot) { return rounds_of(snapshot, sweep, key); });
  }
};

TEST_F(RoundStoreTest, KeepsRoundsApartInTheOrderOfTheirArrival) {
  const auto id = new_sweep();
  const TrialKey key{1, example_config(0)};
  append(id, key, {3, 1, 2});
  append(id, {2, example_config(0)}, {9});
  append(id, key, {6, 5, 4});
  EXPECT_THAT(rounds(id, key), ElementsAre(ElementsAre(3, 1, 2), ElementsAre(6, 5, 4)));
  EXPECT_THAT(rounds(id, {4, example_config(0)}), IsEmpty());
  EXPECT_THAT(rounds(id, {1, example_config(1)}), IsEmpty());
}

TEST_F(RoundStoreTest, ARowThatComesLaterHasTheSamplesOfAllRounds) {
  const auto id = new_sweep();
  schema::Trial row = ok_trial(1, 0, 2);
  append(id, {1, row.config}, {3, 1, 2});
  append(id, {1, row.config}, {6, 5, 4});
  row.samples_us.clear();
  record(id, row);
  EXPECT_EQ(rounds(id, {1, row.config}).size(), 2U);
  const auto all = read([&](Snapshot& snapshot) { return samples_of(snapshot, id, {1, row.config}); });
  EXPECT_THAT(all, ElementsAre(3, 1, 2, 6, 5, 4));
}

TEST_F(RoundStoreTest, ARowHasTheSamplesOfItsOwnGpuAlone) {
  const auto id = new_sweep();
  schema::Trial row = ok_trial(1, 0, 6);
  const TrialKey key{1, row.config};
  const auto append_on = [&](const std::string& gpu, const std::vector<double>& samples_us) {
    write([&](Transaction& transaction) { return append_samples(transaction, id, key, samples_us, gpu); });
  };
  append_on("GPU-a", {3, 1, 2});
  append_on("GPU-b", {6, 5, 7});
  append(id, key, {8});
  row.samples_us.clear();
  row.gpu_uuid = "GPU-b";
  record(id, row);
  const auto rows = read([&](Snapshot& snapshot) { return list_trials(snapshot, {.sweep = id}, std::nullopt, 10); });
  EXPECT_THAT(rows.front().trial.samples_us, ElementsAre(6, 5, 7, 8));
  EXPECT_THAT(rows.front().rounds_us, ElementsAre(6, 8));
  EXPECT_EQ(rounds(id, key).size(), 3U);
  const auto of_a = read([&](Snapshot& snapshot) { return rounds_of(snapshot, id, key, "GPU-a"); });
  EXPECT_THAT(of_a, ElementsAre(ElementsAre(3, 1, 2), ElementsAre(8)));
  const auto samples_of_b = read([&](Snapshot& snapshot) { return samples_of(snapshot, id, key, "GPU-b"); });
  EXPECT_THAT(samples_of_b, ElementsAre(6, 5, 7, 8)) << "the first round is that of the row's own GPU";
  EXPECT_EQ(
      read([&](Snapshot& snapshot) { return scanned_rows(snapshot, id, schema::SweepPhase::measure); }).at(0).gpu_uuid,
      "GPU-b");
}

TEST_F(RoundStoreTest, ARowCanHaveWhatItsLastRoundTold) {
  const auto id = new_sweep();
  schema::Trial round = ok_trial(1, 0, 2);
  round.stages_us = {{"activation", 1.5}};
  round.sm_clock_mhz = 1980;
  round.gpu_uuid = "GPU-a";
  round.measured_at = {1'000};
  const auto append = [&] { write([&](Transaction& transaction) { return append_round(transaction, id, round); }); };
  append();
  round.sm_clock_mhz = 1755;
  round.throttle = "power";
  round.measured_at = {2'000};
  append();
  const auto told = [&](const std::string& gpu) {
    schema::Trial row = ok_trial(1, 0, 2);
    row.gpu_uuid = gpu;
    const auto done = database().read([&](Snapshot& snapshot) { return tell_last_round(snapshot, id, row); });
    EXPECT_TRUE(done);
    return row;
  };
  EXPECT_EQ(told("GPU-a"), round);
  EXPECT_EQ(told("GPU-b").sm_clock_mhz, std::nullopt) << "that was another one's";
}

TEST_F(RoundStoreTest, ListsTheDefaultsOfASweep) {
  const auto id = new_sweep();
  for (const std::int64_t batch : {64, 1}) {
    write([&](Transaction& transaction) {
      return set_sweep_default(transaction, id, batch, example_config(static_cast<int>(batch)), "vllm 0.11");
    });
  }
  const auto defaults = read([&](Snapshot& snapshot) { return defaults_of_sweep(snapshot, id); });
  ASSERT_EQ(defaults.size(), 2U);
  EXPECT_EQ(defaults.at(64).config, example_config(64));
  EXPECT_EQ(defaults.at(1).source, "vllm 0.11");
}

TEST_F(RoundStoreTest, AnUnknownSweepIsSaidToBe) {
  const auto rounds =
      database().read([&](Snapshot& snapshot) { return rounds_of(snapshot, 99, {1, example_config(0)}); });
  EXPECT_EQ(rounds.error().code, schema::ErrorCode::not_found);
}

}  // namespace
}  // namespace moetune::db
