#include "daemon/deciding_sweep.hpp"

#include <gtest/gtest.h>

#include "daemon/best_view.hpp"
#include "db/trial_import.hpp"
#include "db/trial_listing.hpp"
#include "db/trial_store.hpp"
#include "tests/daemon/planned_sweeps.hpp"

namespace moetune::daemon {
namespace {

/// Batch 1; the default is configuration 0 with 100 microseconds.
class DecidingSweepTest : public PlannedSweepsTest {
 protected:
  std::int64_t sweep(std::map<int, double> us) { return sweep_of({1}, {{1, std::move(us)}}); }
  search::Choice choice() {
    const auto deciding = read([&](db::Snapshot& snapshot) {
      const auto groups = db::matching_groups(snapshot, {});
      return deciding_of_group(snapshot, groups->front().id);
    });
    return choice_for(deciding.front());
  }
  static constexpr schema::Timestamp k_session{1'795'169'700'000};
  /// A row whose samples came in rounds, as every one of the session.
  void record_rounds(std::int64_t sweep, int config, const std::vector<double>& rounds_us,
                     const std::optional<std::string>& gpu = {}) {
    auto trial = db::ok_trial(1, config, schema::median(rounds_us));
    trial.gpu_uuid = gpu;
    trial.measured_at = k_session;
    for (const double us : rounds_us) append(sweep, config, us, gpu);
    trial.samples_us.clear();
    record(sweep, trial);
  }
  void append(std::int64_t sweep, int config, double us, const std::optional<std::string>& gpu = {}) {
    write([&](db::Transaction& transaction) {
      return db::append_samples(transaction, sweep, {1, db::example_config(config)}, std::vector<double>{us, us, us},
                                gpu);
    });
  }
  void discard_finished(std::int64_t sweep) {
    finish(sweep);
    discard(sweep);
  }
  std::int64_t unmeasured_sweep() {
    auto spec = db::example_spec();
    spec.batches = {1};
    const auto id = new_sweep(spec);
    write([&](db::Transaction& transaction) {
      return db::set_sweep_default(transaction, id, 1, db::example_config(0), "vllm 0.33");
    });
    return id;
  }
};

TEST_F(DecidingSweepTest, WhatWasChosenStaysWithinNoise) {
  sweep({{1, 80}, {2, 81}});
  sweep({{1, 80.4}, {2, 80}});
  EXPECT_EQ(choice().config, db::example_config(1));
  EXPECT_EQ(choice().latency_us, 80.4) << "as the newest sweep measured it";
  EXPECT_NE(choice().reason.find("kept, chosen before"), std::string::npos) << choice().reason;
}

TEST_F(DecidingSweepTest, AGainChangesIt) {
  sweep({{1, 80}, {2, 81}});
  sweep({{1, 80}, {2, 77}});
  EXPECT_EQ(choice().config, db::example_config(2));
}

TEST_F(DecidingSweepTest, WhatIsSlowerThanTheDefaultByNowGoes) {
  sweep({{1, 80}});
  sweep({{1, 102}, {2, 101}});
  EXPECT_TRUE(choice().is_default);
}

TEST_F(DecidingSweepTest, SlowerThanTheDefaultGoesAlsoBelowTheLeastGain) {
  rule_.min_gain = 0.05;
  sweep({{1, 80}});
  sweep({{1, 103}});
  EXPECT_TRUE(choice().is_default) << choice().reason;
}

TEST_F(DecidingSweepTest, ASweepThatLacksItsDefaultDecidesNothing) {
  sweep({{1, 80}});
  const auto cut_off = unmeasured_sweep();
  record(cut_off, db::ok_trial(1, 1, 79));
  EXPECT_EQ(choice().config, db::example_config(1));
  EXPECT_EQ(choice().latency_us, 80);
}

TEST_F(DecidingSweepTest, ASweepThatDidNotMeasureItHasToBeFaster) {
  sweep({{1, 80}});
  sweep({{2, 79.5}});
  EXPECT_EQ(choice().config, db::example_config(1));
  sweep({{2, 78}});
  EXPECT_EQ(choice().config, db::example_config(2));
}

TEST_F(DecidingSweepTest, IsFollowedThroughManySweeps) {
  sweep({{1, 80}, {2, 80.2}});
  for (int i = 0; i < 30; ++i) {
    const double swing = i % 2 == 0 ? 0.3 : -0.3;
    sweep({{1, 80 + swing}, {2, 80 - swing}});
    ASSERT_EQ(choice().config, db::example_config(1)) << i;
  }
}

TEST_F(DecidingSweepTest, ALuckyFirstRoundIsNoMatchForFinalists) {
  const auto id = unmeasured_sweep();
  record_rounds(id, 0, {100, 100.1, 99.9, 100});
  record_rounds(id, 1, {95, 95.1, 94.9, 95});
  record_rounds(id, 2, {94});
  EXPECT_EQ(choice().config, db::example_config(1));
  const auto fastest = read([&](db::Snapshot& snapshot) {
    const auto groups = db::matching_groups(snapshot, {});
    return db::best_of_group(snapshot, groups->front().id);
  });
  EXPECT_EQ(fastest.front().best.config, db::example_config(2)) << "the best row is the fastest all the same";
}

TEST_F(DecidingSweepTest, RowsOfAnotherGpuAreNotComparedWithTheDefault) {
  const auto id = unmeasured_sweep();
  append(id, 0, 80, "GPU-a");  // what the first GPU did of the default before it went
  record_rounds(id, 2, {85}, "GPU-a");
  record_rounds(id, 0, {100, 100.1, 99.9, 100}, "GPU-b");
  record_rounds(id, 1, {95, 95.1, 94.9, 95}, "GPU-b");
  EXPECT_EQ(choice().config, db::example_config(1)) << choice().reason;
  const auto best = read([&](db::Snapshot& snapshot) { return db::best_of_sweep(snapshot, id); }).front();
  EXPECT_EQ(best.best.config, db::example_config(2)) << "the best row is the fastest all the same";
  EXPECT_FALSE(best.default_row) << "and has nothing to be compared with";
  EXPECT_EQ(best.default_gpu, "GPU-b");
}

TEST_F(DecidingSweepTest, WhereTheDefaultAloneIsOfANewGpuItStays) {
  const auto id = unmeasured_sweep();
  record_rounds(id, 1, {80}, "GPU-a");
  record_rounds(id, 0, {100}, "GPU-b");
  EXPECT_TRUE(choice().is_default) << choice().reason;
  EXPECT_EQ(choice().latency_us, 100);
}

TEST_F(DecidingSweepTest, SaysWhenTheDefaultRanForAWhile) {
  const auto id = unmeasured_sweep();
  record_rounds(id, 1, {95, 95.1, 94.9, 95});
  for (int round = 0; round < 3; ++round) append(id, 0, 100);
  record(id, db::failed_trial(1, 0, schema::TrialStatus::launch_error));
  EXPECT_EQ(choice().reason, "best measured; the engine's default ended with launch_error after 3 rounds");
  const auto other = unmeasured_sweep();
  record(other, db::ok_trial(1, 1, 95));
  record(other, db::failed_trial(1, 0, schema::TrialStatus::out_of_resources));
  discard_finished(id);
  EXPECT_EQ(choice().reason, "best measured; the engine's default does not run on this device");
}

/// Two sweeps of heats that the spread alone could not tell apart.
class RoundsElsewhereTest : public DecidingSweepTest {
 protected:
  /// Its challenger 1 is 2 % faster than the default in each round, while the time of a round swings by 20 %; the row
  /// that was out after its first round looks faster than it is.
  std::int64_t heats() {
    const auto id = unmeasured_sweep();
    std::vector<double> standard;
    std::vector<double> challenger;
    for (int round = 0; round < 6; ++round) {
      const double us = (round % 2 == 0 ? 100 : 120) + 0.01 * round;
      standard.push_back(us);
      challenger.push_back(us * 0.98);
    }
    record_rounds(id, 0, standard);
    record_rounds(id, 1, challenger);
    record_rounds(id, 2, {97});
    return id;
  }
  std::vector<schema::Trial> rows_of(std::int64_t sweep) {
    std::vector<schema::Trial> rows;
    for (auto& row :
         read([&](db::Snapshot& snapshot) { return db::list_trials(snapshot, {.sweep = sweep}, std::nullopt, 100); })) {
      rows.push_back(std::move(row.trial));
    }
    return rows;
  }
};

TEST_F(RoundsElsewhereTest, AnExportThatIsImportedChoosesTheSame) {
  const auto rows = rows_of(heats());
  const auto here = choice();
  EXPECT_EQ(here.config, db::example_config(1)) << here.reason;
  EXPECT_EQ(here.reason.find("spread"), std::string::npos) << here.reason;

  db::TemporaryFolder folder;
  const auto elsewhere = db::open_or_throw(folder.path());
  std::vector<std::string> lines;
  for (const schema::Trial& row : rows) lines.push_back(to_json(row).dump());
  const auto next = [&](std::string& line) -> schema::Result<bool> {
    if (lines.empty()) return false;
    line = lines.back();
    lines.pop_back();
    return true;
  };
  const auto fallback = [](const schema::Problem&, std::int64_t) { return std::optional(db::example_config(0)); };
  EXPECT_EQ(must(db::import_trials(*elsewhere, next, {.default_config = fallback})).inserted, 3);
  const auto there = must(elsewhere->read([](db::Snapshot& snapshot) {
    return deciding_of_group(snapshot, db::matching_groups(snapshot, {})->front().id);
  }));
  const auto chosen = choice_for(there.front());
  EXPECT_EQ(chosen.config, here.config);
  EXPECT_EQ(chosen.reason, here.reason);
  EXPECT_EQ(chosen.latency_us, here.latency_us);
  const auto again =
      must(elsewhere->read([](db::Snapshot& snapshot) { return db::list_trials(snapshot, {}, std::nullopt, 100); }));
  EXPECT_EQ(again.back().trial.rounds, rows.front().rounds);
}

TEST_F(RoundsElsewhereTest, RowsThatAreTakenOverKeepTheirTurns) {
  const auto first = heats();
  const auto label = read([&](db::Snapshot& snapshot) { return db::find_sweep(snapshot, first); }).label;
  const auto second = unmeasured_sweep();
  for (schema::Trial row : rows_of(first)) {
    if (!row.rounds.empty()) row.rounds_of = row.sweep;
    record(second, row);
  }
  discard_finished(first);
  EXPECT_EQ(choice().config, db::example_config(1)) << choice().reason;
  EXPECT_EQ(choice().reason.find("spread"), std::string::npos) << choice().reason;
  EXPECT_EQ(rows_of(second).front().rounds_of, label);

  // As fast in each of its rounds, which the default had no part in.
  record_rounds(second, 3, {97, 116, 97, 116, 97, 116});
  EXPECT_NE(choice().reason.find("spread"), std::string::npos) << choice().reason;
  EXPECT_TRUE(choice().is_default);
}

TEST_F(DecidingSweepTest, OnTheDefaultsGpuAsManyRoundsAreNeededAsItHad) {
  const auto id = unmeasured_sweep();
  record_rounds(id, 3, {85}, "GPU-a");
  record_rounds(id, 0, {100, 100.1, 99.9, 100, 100.1, 99.9}, "GPU-b");
  record_rounds(id, 1, {95, 95.1, 94.9, 95, 95.1, 94.9}, "GPU-b");
  record_rounds(id, 2, {94, 94.1, 92, 98}, "GPU-b");
  EXPECT_EQ(choice().config, db::example_config(1)) << choice().reason;
}

/// A sweep whose default and best row were taken over from one that measured a narrower space, with all their rounds.
class ReusedDefaultTest : public RoundsElsewhereTest {
 protected:
  std::int64_t wider(const std::optional<std::string>& gpu = {}) {
    const auto first = unmeasured_sweep();
    const std::vector<double> swing = {1, 1.001, 0.999, 1, 1.001, 0.999};
    for (const auto& [config, us] : std::map<int, double>{{0, 100}, {1, 98.5}}) {
      std::vector<double> rounds_us;
      for (const double each : swing) rounds_us.push_back(us * each);
      record_rounds(first, config, rounds_us, gpu);
    }
    record_rounds(first, 2, {98}, gpu);
    const auto second = unmeasured_sweep();
    for (schema::Trial row : rows_of(first)) {
      if (!row.rounds.empty()) row.rounds_of = row.sweep;
      record(second, row);
    }
    finish(first);
    return second;
  }
  /// One that was measured in the second sweep alone, later.
  void record_new(std::int64_t sweep, int config, double us, const std::optional<std::string>& gpu = {}) {
    auto row = db::ok_trial(1, config, us);
    row.measured_at = {k_session.ms + 1'000};
    row.gpu_uuid = gpu;
    record(sweep, row);
  }
};

TEST_F(ReusedDefaultTest, WhatIsNewNeedsNoRoundsThatItCouldNotHave) {
  const auto second = wider();
  EXPECT_EQ(choice().config, db::example_config(1)) << "the first round of the first sweep is still none";
  record_new(second, 3, 60);
  EXPECT_EQ(choice().config, db::example_config(3)) << choice().reason;
}

TEST_F(ReusedDefaultTest, ALittleFasterIsNotFasterThanInAnotherSession) {
  const auto second = wider();
  record_new(second, 3, 98);
  EXPECT_EQ(choice().config, db::example_config(1)) << choice().reason;
}

TEST_F(ReusedDefaultTest, OfAnotherGpuNothingIsComparedWithIt) {
  const auto second = wider("GPU-a");
  record_new(second, 3, 60, "GPU-b");
  EXPECT_EQ(choice().config, db::example_config(1)) << choice().reason;
  record_new(second, 4, 61, "GPU-a");
  EXPECT_EQ(choice().config, db::example_config(4)) << choice().reason;
}

TEST_F(ReusedDefaultTest, ADefaultThatIsMeasuredAnewIsHeldAgainstTheRoundsOfItsOwnSweep) {
  const auto second = unmeasured_sweep();
  record_rounds(second, 0, {100, 100.1, 99.9, 100, 100.1, 99.9});
  record_rounds(second, 3, {90, 90.1, 89.9, 90, 90.1, 89.9});
  auto old = db::ok_trial(1, 1, 89.5);
  old.samples_us = {80, 80, 89.5, 89.5, 99, 99};
  old.rounds = {3, 3};
  old.rounds_of = "narrow";
  record(second, old);
  EXPECT_EQ(choice().config, db::example_config(3)) << choice().reason;
}

TEST_F(DecidingSweepTest, WhoWasOutAfterAFewRoundsIsNoMatchForWhoWasJudgedByAll) {
  auto spec = db::example_spec();
  spec.batches = {1};
  const auto id = new_sweep(spec);
  write([&](db::Transaction& transaction) {
    return db::set_sweep_default(transaction, id, 1, db::example_config(0), "vllm 0.33");
  });
  record_rounds(id, 0, {100, 100.1, 99.9, 100, 100.1, 99.9});
  record_rounds(id, 1, {95, 95.1, 94.9, 95, 95.1, 94.9});
  record_rounds(id, 2, {94, 94.1, 92, 98});
  EXPECT_EQ(choice().config, db::example_config(1));
}

}  // namespace
}  // namespace moetune::daemon
