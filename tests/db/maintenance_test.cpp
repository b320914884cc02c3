#include "db/maintenance.hpp"

#include "db/migration.hpp"

#include <future>

#include "db/attempt_store.hpp"
#include "db/trial_import.hpp"
#include "db/trial_listing.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

class MaintenanceTest : public StoreTest {
 protected:
  CheckReport check() { return must(check_database(data_dir())); }
  /// Whether the check says so after SQL that goes past triggers and stores.
  bool finds(const std::string& sql, std::string_view words) {
    EXPECT_EQ(raw(sql), "");
    for (const std::string& finding : check().findings) {
      if (finding.find(words) != std::string::npos) return true;
    }
    return false;
  }
};

TEST_F(MaintenanceTest, FindsNothingInASoundDatabase) {
  const std::int64_t id = new_sweep();
  for (int config = 0; config < 50; ++config) record(id, ok_trial(1, config, 10 + config % 7));
  record(id, failed_trial(16, 1, schema::TrialStatus::launch_error));
  write([&](Transaction& transaction) {
    return begin_attempt(transaction, {.sweep = id, .artifact_key = "k", .candidate = {}, .boot_id = "b"});
  });
  const CheckReport report = check();
  EXPECT_EQ(report.findings, std::vector<std::string>{});
  EXPECT_EQ(report.trials, 51);
  EXPECT_EQ(report.sweeps, 1);
  EXPECT_EQ(report.schema_version, results_schema().version());
  EXPECT_GT(report.bytes, 0);
}

TEST_F(MaintenanceTest, FindsWhatTheTablesCannotForbid) {
  const std::int64_t id = new_sweep();
  record(id, ok_trial(1, 0, 10));
  EXPECT_TRUE(finds("UPDATE tallies SET row_count = 7", "tally"));
  EXPECT_TRUE(finds("UPDATE tallies SET row_count = 1, best_latency_us = 3.0", "tally"));
  EXPECT_TRUE(finds("UPDATE sweeps SET resolved = '{', total = 1", "not JSON"));
  EXPECT_TRUE(finds("INSERT INTO imported_samples (trial_id, samples_us) VALUES (1, x'0000000000000000')", "samples"));
  EXPECT_TRUE(finds("PRAGMA foreign_keys = OFF; INSERT INTO open_attempts VALUES (55)", "open_attempts"));
  EXPECT_TRUE(finds("PRAGMA foreign_keys = OFF; INSERT INTO run_defaults VALUES (99, 1, 1, 'x')", "missing row"));
  EXPECT_TRUE(
      finds("INSERT INTO trials SELECT 2, run_id, group_id, environment_id, config_id, batch, 5, status, "
            "latency_us, measured_at, NULL, NULL, NULL, NULL, 0 FROM trials",
            "twin do not belong together; trial: 2"));
  EXPECT_TRUE(
      finds("INSERT INTO trials SELECT 3, run_id, group_id, environment_id, config_id, batch, 0, status, "
            "latency_us, measured_at, NULL, NULL, NULL, NULL, 1 FROM trials WHERE id = 1",
            "twin do not belong together; trial: 3"));
}

/// What reading a row refuses is found before somebody reads it.
TEST_F(MaintenanceTest, FindsStagesAndRoundsThatCannotBeRead) {
  record(new_sweep(), ok_trial(1, 0, 10));
  std::vector<std::string> lines;
  for (int config = 1; config <= 5; ++config) lines.push_back(schema::to_json(ok_trial(1, config, 10)).dump());
  must(import_trials(database(),
                     [&](std::string& line) -> Result<bool> {
                       if (lines.empty()) return false;
                       line = lines.back();
                       lines.pop_back();
                       return true;
                     },
                     {}));
  EXPECT_EQ(check().findings, std::vector<std::string>{});
  const std::string chunk =
      "INSERT INTO samples (run_id, batch, config_id, samples_us, stages_us) SELECT run_id, batch, "
      "config_id, samples_us, ";
  EXPECT_TRUE(finds(chunk + "'{' FROM samples LIMIT 1", "not JSON: stages_us of chunk 2"));
  EXPECT_TRUE(finds(chunk + "'[1]' FROM samples LIMIT 1", "stages_us must be an object: chunk 3"));
  const auto rounds = [](const std::string& text, int trial) {
    return "UPDATE imported_samples SET rounds = '" + text + "' WHERE trial_id = " + std::to_string(trial);
  };
  EXPECT_TRUE(finds(rounds("[1,", 2), "not JSON: rounds of trial 2"));
  EXPECT_TRUE(finds(rounds("[2,2]", 3), "have all of its samples; trial: 3"));
  EXPECT_TRUE(finds(rounds("[2]", 4), "have all of its samples; trial: 4"));
  EXPECT_TRUE(finds(rounds("[0,3]", 5), "have all of its samples; trial: 5"));
  EXPECT_TRUE(finds(rounds("{\"a\":3}", 6), "have all of its samples; trial: 6"));
  for (std::int64_t trial = 2; trial <= 5; ++trial) {
    const auto read_back = database().read([&](Snapshot& snapshot) { return list_trials(snapshot, {}, trial - 1, 1); });
    ASSERT_FALSE(read_back) << trial;
    EXPECT_EQ(read_back.error().code, ErrorCode::data_damaged);
  }
}

TEST_F(MaintenanceTest, FindsPairsOfTilesThatAreNone) {
  schema::Trial pair = ok_trial(1, 0, 10);
  pair.config = schema::paired(example_config(0), example_config(1));
  record(new_sweep(), pair);
  EXPECT_EQ(check().findings, std::vector<std::string>{});
  const std::string add = "INSERT INTO configs SELECT max(id) + 1, ";
  EXPECT_TRUE(finds(add + "32, 64, 128, 1, 4, 1, min(id) FROM configs", "BLOCK_SIZE_M, not GEMM 1's; config: 3"));
  EXPECT_TRUE(finds(add + "16, 64, 128, 1, 4, 9, 2 FROM configs", "config: 4"));
  EXPECT_TRUE(finds(add + "16, 64, 128, 1, 4, 2, 1 FROM configs", "config: 5"));
  EXPECT_EQ(raw("SELECT 1"), "");
}

TEST_F(MaintenanceTest, ChecksBesideAWriter) {
  const std::int64_t id = new_sweep();
  auto writing = std::async(std::launch::async, [&] {
    for (int config = 0; config < 100; ++config) record(id, ok_trial(1, config, 10));
  });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(check().findings, std::vector<std::string>{});
  writing.get();
  EXPECT_EQ(check().trials, 100);
}

TEST_F(MaintenanceTest, SaysThatThereIsNoDatabase) {
  TemporaryFolder empty;
  const auto report = check_database(empty.path());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace moetune::db
