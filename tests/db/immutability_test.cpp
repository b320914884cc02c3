#include "db/attempt_store.hpp"
#include "db/trial_import.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

class ImmutabilityTest : public StoreTest {
 protected:
  void SetUp() override {
    sweep_ = new_sweep();
    record(sweep_, ok_trial(1, 0, 10));
    write(
        [&](Transaction& transaction) { return set_sweep_default(transaction, sweep_, 1, example_config(0), "vllm"); });
    const auto attempt = write([&](Transaction& transaction) {
      return begin_attempt(transaction, {.sweep = sweep_, .artifact_key = "k", .candidate = {}, .boot_id = "b"});
    });
    write([&](Transaction& transaction) { return end_attempt(transaction, attempt, AttemptOutcome::answered); });
    bool given = false;
    must(import_trials(database(),
                       [&](std::string& line) -> Result<bool> {
                         line = schema::to_json(ok_trial(1, 1, 11)).dump();
                         return !std::exchange(given, true);
                       },
                       {}));
  }

  std::int64_t sweep_ = 0;
};

TEST_F(ImmutabilityTest, RefusesToChangeWhatIsWrittenOnce) {
  const std::vector<std::string> columns = {"trials SET latency_us = 1",
                                            "trials SET id = id + 1000",
                                            "samples SET samples_us = x'0000000000000000'",
                                            "imported_samples SET trial_id = 0",
                                            "attempts SET alone = 1",
                                            "attempt_outcomes SET outcome = 'timed_out'",
                                            "run_defaults SET batch = 7",
                                            "runs SET label = 'other'",
                                            "devices SET name = 'A100'",
                                            "problems SET topk = 1",
                                            "kernels SET compiler = 'none'",
                                            "groups SET l2 = 'warm'",
                                            "configs SET num_warps = 32",
                                            "environments SET arch = 'x'",
                                            "sweeps SET spec = '{}'"};
  for (const std::string& change : columns) {
    EXPECT_NE(raw("UPDATE " + change).find("never changed"), std::string::npos)
        << change << ": " << raw("UPDATE " + change);
  }
}

TEST_F(ImmutabilityTest, TakesRoundsOfAnImportedRowOnce) {
  for (const char* change :
       {"rounds = NULL", "rounds_of = 'other-1'", "rounds = '[3]', samples_us = x'0000000000000000'"}) {
    EXPECT_NE(raw(std::string("UPDATE imported_samples SET ") + change).find("never changed"), std::string::npos)
        << change;
  }
  ASSERT_EQ(raw("UPDATE imported_samples SET rounds = '[1,2]'"), "");
  EXPECT_NE(raw("UPDATE imported_samples SET rounds = '[2,1]'").find("never changed"), std::string::npos);
}

TEST_F(ImmutabilityTest, RefusesToDeleteAnything) {
  for (const char* table : {"trials", "samples", "imported_samples", "attempts", "attempt_outcomes", "run_defaults",
                            "runs", "devices", "problems", "kernels", "groups", "configs", "environments", "sweeps"}) {
    EXPECT_NE(raw(std::string("DELETE FROM ") + table).find("never deleted"), std::string::npos) << table;
    EXPECT_NE(raw(std::string("PRAGMA foreign_keys = OFF; DELETE FROM ") + table).find("never deleted"),
              std::string::npos)
        << table;
  }
}

TEST_F(ImmutabilityTest, RefusesToReplaceATrial) {
  const std::string answer =
      raw("INSERT OR REPLACE INTO trials (id, run_id, group_id, environment_id, config_id, batch, repetition, status, "
          "latency_us, measured_at) SELECT id, run_id, group_id, environment_id, config_id, batch, repetition, status, "
          "1.0, "
          "measured_at FROM trials WHERE id = 1");
  EXPECT_NE(answer, "");
}

TEST_F(ImmutabilityTest, KeepsADiscardedRunDiscarded) {
  ASSERT_EQ(raw("UPDATE runs SET discarded = 1"), "");
  EXPECT_NE(raw("UPDATE runs SET discarded = 0").find("stays discarded"), std::string::npos);
}

TEST_F(ImmutabilityTest, KeepsAFinishedSweepFinished) {
  finish(sweep_);
  EXPECT_NE(raw("UPDATE sweeps SET state = 'running', finished_at = NULL").find("never runs again"), std::string::npos);
}

TEST_F(ImmutabilityTest, RefusesRowsThatTheTablesForbid) {
  const std::string columns =
      "INSERT INTO trials (run_id, group_id, environment_id, config_id, batch, repetition, status, latency_us, "
      "measured_at) ";
  EXPECT_NE(raw(columns + "VALUES (1, 1, 1, 1, 5, 0, 'ok', NULL, 0)").find("CHECK"), std::string::npos);
  EXPECT_NE(raw(columns + "VALUES (1, 1, 1, 1, 5, 0, 'launch_error', 2.0, 0)").find("CHECK"), std::string::npos);
  EXPECT_NE(raw(columns + "VALUES (1, 1, 1, 1, 5, 0, 'fine', 2.0, 0)").find("CHECK"), std::string::npos);
  EXPECT_NE(raw(columns + "VALUES (77, 1, 1, 1, 5, 0, 'ok', 2.0, 0)").find("FOREIGN KEY"), std::string::npos);
  EXPECT_NE(raw(columns + "VALUES (1, 1, 1, 1, 'five', 0, 'ok', 2.0, 0)"), "");
  EXPECT_EQ(raw(columns + "VALUES (1, 1, 1, 1, 5, 0, 'ok', 2.0, 0)"), "");
}

}  // namespace
}  // namespace moetune::db
