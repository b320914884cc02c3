#include "db/attempt_store.hpp"

#include <sqlite3.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "db/database_file.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

class AttemptStoreTest : public StoreTest {
 protected:
  std::int64_t begin(const NewAttempt& attempt) {
    return write([&](Transaction& transaction) { return begin_attempt(transaction, attempt); });
  }
  Result<void> end(std::int64_t id, AttemptOutcome outcome, std::string_view detail = "") {
    return database().write([&](Transaction& transaction) { return end_attempt(transaction, id, outcome, detail); });
  }
  std::int64_t interrupt(std::string_view boot_id) {
    return write([&](Transaction& transaction) { return interrupt_open_attempts(transaction, boot_id); });
  }
  std::vector<std::int64_t> cut_off() {
    std::vector<std::int64_t> ids;
    for (const auto& attempt : read([&](Snapshot& snapshot) { return cut_off_attempts(snapshot, sweep_); })) {
      ids.push_back(attempt.id);
    }
    return ids;
  }
  std::vector<Attempt> open_ones() {
    return read([&](Snapshot& snapshot) { return open_attempts(snapshot, sweep_); });
  }
  NewAttempt compile(std::string key, std::string boot = "boot-1") const {
    return {.sweep = sweep_,
            .kind = AttemptKind::compile,
            .artifact_key = std::move(key),
            .candidate = {},
            .boot_id = boot};
  }
  NewAttempt measure(TrialKey key, std::string boot = "boot-1") const {
    return {.sweep = sweep_,
            .kind = AttemptKind::measure,
            .artifact_key = "",
            .candidate = key,
            .boot_id = boot,
            .alone = true};
  }

  /// Appends answered measure attempts, as a sweep of many candidates leaves them.
  void add_answered(int count) {
    const std::string upto = " UNION ALL SELECT n + 1 FROM numbers WHERE n < " + std::to_string(count) + ")";
    ASSERT_EQ(raw("INSERT INTO attempts (sweep_id, kind, artifact_key, boot_id, alone, started_at) "
                  "WITH RECURSIVE numbers(n) AS (SELECT 1" +
                  upto + " SELECT 1, 'compile', 'key ' || n, 'boot-1', 0, 1 FROM numbers"),
              "");
    ASSERT_EQ(
        raw("INSERT INTO attempt_outcomes (attempt_id, outcome, detail, ended_at) "
            "SELECT id, 'answered', '', 2 FROM attempts WHERE id NOT IN (SELECT attempt_id FROM attempt_outcomes)"),
        "");
  }
  /// SQLite's steps for what cut_off_attempts() asks.
  int steps_of_cut_off() {
    std::stringstream text;
    text << std::ifstream(MOETUNE_QUERIES "/cut_off_attempt_ids.sql").rdbuf();
    sqlite3* opened = nullptr;
    EXPECT_EQ(sqlite3_open(database_path(data_dir()).c_str(), &opened), SQLITE_OK);
    const std::unique_ptr<sqlite3, int (*)(sqlite3*)> connection(opened, sqlite3_close);
    sqlite3_stmt* prepared = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(opened, text.str().c_str(), -1, &prepared, nullptr), SQLITE_OK);
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(prepared, sqlite3_finalize);
    sqlite3_bind_int64(prepared, 1, sweep_);
    sqlite3_bind_text(prepared, 2, "the daemon ended", -1, SQLITE_STATIC);
    while (sqlite3_step(prepared) == SQLITE_ROW) {
    }
    return sqlite3_stmt_status(prepared, SQLITE_STMTSTATUS_VM_STEP, 0);
  }

  std::int64_t sweep_ = new_sweep();
};

TEST_F(AttemptStoreTest, KeepsAnAttemptAndHowItEnded) {
  const TrialKey key{16, example_config(4)};
  const std::int64_t id = begin(measure(key));
  auto open = open_ones();
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].id, id);
  EXPECT_EQ(open[0].kind, AttemptKind::measure);
  EXPECT_EQ(open[0].candidate, key);
  EXPECT_TRUE(open[0].alone);
  EXPECT_FALSE(open[0].outcome);
  must(end(id, AttemptOutcome::worker_failed, "signal 11"));
  EXPECT_TRUE(open_ones().empty());
  const auto ended = read([&](Snapshot& snapshot) { return attempts_for_candidate(snapshot, sweep_, key); });
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].outcome, AttemptOutcome::worker_failed);
  EXPECT_EQ(ended[0].detail, "signal 11");
  EXPECT_TRUE(ended[0].ended_at);
}

TEST_F(AttemptStoreTest, EndsAnAttemptOnce) {
  const std::int64_t id = begin(compile("a"));
  must(end(id, AttemptOutcome::answered));
  const auto again = end(id, AttemptOutcome::timed_out);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::conflict);
  const auto missing = end(99, AttemptOutcome::answered);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}

TEST_F(AttemptStoreTest, ListsEveryAttemptForAnArtifact) {
  must(end(begin(compile("a")), AttemptOutcome::timed_out));
  must(end(begin(compile("b")), AttemptOutcome::answered));
  begin(compile("a"));
  const auto found = read([&](Snapshot& snapshot) { return attempts_for_artifact(snapshot, sweep_, "a"); });
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].outcome, AttemptOutcome::timed_out);
  EXPECT_FALSE(found[1].outcome);
  EXPECT_TRUE(read([&](Snapshot& snapshot) { return attempts_for_artifact(snapshot, sweep_ + 1, "a"); }).empty());
}

TEST_F(AttemptStoreTest, InterruptsWhatEarlierDaemonsLeftOpen) {
  const std::int64_t old_open = begin(compile("a"));
  must(end(begin(compile("b")), AttemptOutcome::answered));
  const std::int64_t own = begin(compile("c", "boot-2"));
  EXPECT_EQ(interrupt("boot-2"), 1);
  EXPECT_EQ(interrupt("boot-2"), 0);
  EXPECT_EQ(cut_off(), std::vector{old_open});
  const auto left = open_ones();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].id, own);
}

TEST_F(AttemptStoreTest, RemembersWhatDaemonsDiedOverUntilAWorkerAnswersForIt) {
  const std::int64_t first = begin(compile("a"));
  interrupt("boot-2");
  const std::int64_t second = begin(compile("a", "boot-2"));
  interrupt("boot-3");
  EXPECT_EQ(cut_off(), (std::vector{first, second}));
  must(end(begin(compile("b", "boot-3")), AttemptOutcome::interrupted));  // killed from outside: no daemon died of it
  must(end(begin(compile("a", "boot-3")), AttemptOutcome::interrupted));
  EXPECT_EQ(cut_off(), (std::vector{first, second}));
  must(end(begin(compile("a", "boot-3")), AttemptOutcome::answered));
  EXPECT_TRUE(cut_off().empty());
}

TEST_F(AttemptStoreTest, WhatWasCutOffIsFoundInTimeThatGrowsWithTheAttemptsNotWithTheirSquare) {
  begin(compile("a"));
  interrupt("boot-2");
  add_answered(1000);
  const int some = steps_of_cut_off();
  add_answered(3000);
  const int many = steps_of_cut_off();
  EXPECT_GT(some, 1000);
  EXPECT_LT(many, 6 * some);
  EXPECT_EQ(cut_off().size(), 1U);
}

TEST_F(AttemptStoreTest, RefusesAnAttemptForNothing) {
  const auto nothing =
      database().write([&](Transaction& transaction) { return begin_attempt(transaction, compile("")); });
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, ErrorCode::invalid_argument);
  NewAttempt stray = compile("a");
  stray.sweep = 77;
  const auto homeless = database().write([&](Transaction& transaction) { return begin_attempt(transaction, stray); });
  ASSERT_FALSE(homeless);
  EXPECT_EQ(homeless.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace moetune::db
