#include "db/migration.hpp"

#include <utility>

#include "db/attempt_store.hpp"
#include "db/best_query.hpp"
#include "db/maintenance.hpp"
#include "db/trial_import.hpp"
#include "db/trial_listing.hpp"
#include "tests/db/example_content.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

TEST(MigrationTest, MakesTheSameTablesWhereverItBegins) {
  const SchemaDefinition& definition = results_schema();
  Connection fresh;
  must(migrate(fresh, definition));
  must(migrate(fresh, definition));
  EXPECT_TRUE(check_version(fresh, definition));
  EXPECT_EQ(fresh.integer("PRAGMA user_version"), definition.version());
}

TEST(MigrationTest, UndoesAMigrationThatFails) {
  const std::array<std::string_view, 2> steps{"CREATE TABLE one (a INTEGER) STRICT;",
                                              "CREATE TABLE two (a INTEGER) STRICT; SELECT nonsense FROM nowhere;"};
  Connection connection;
  must(migrate(connection, {"a test", 5, std::span(steps).first(1)}));
  EXPECT_FALSE(migrate(connection, {"a test", 5, steps}));
  connection.roll_back();
  EXPECT_EQ(connection.integer("PRAGMA user_version"), 1);
  EXPECT_EQ(connection.integer("SELECT count(*) FROM sqlite_schema"), 1);
}

TEST(MigrationTest, TellsOlderFromNewerAndForeign) {
  const std::array<std::string_view, 2> steps{"CREATE TABLE one (a INTEGER) STRICT;",
                                              "CREATE TABLE two (a INTEGER) STRICT;"};
  const SchemaDefinition old_one{"a test", 5, std::span(steps).first(1)};
  const SchemaDefinition new_one{"a test", 5, steps};
  const SchemaDefinition foreign{"another test", 6, steps};
  Connection connection;
  must(migrate(connection, old_one));
  EXPECT_EQ(check_version(connection, new_one).error().code, ErrorCode::conflict);
  EXPECT_EQ(check_version(connection, foreign).error().code, ErrorCode::data_damaged);
  must(migrate(connection, new_one));
  EXPECT_TRUE(check_version(connection, new_one));
  EXPECT_EQ(check_version(connection, old_one).error().code, ErrorCode::conflict);
}

TEST(MigrationTest, TellsUnfinishedSweepsWhatTheirProblemsWere) {
  const SchemaDefinition& now = results_schema();
  Connection connection;
  must(migrate(connection, {now.what, now.application_id, now.migrations.first(2)}));
  connection.execute(
      "INSERT INTO problems (num_experts, intermediate_size, hidden_size, topk, dtype, act_dtype, gated, "
      "per_channel_quant) VALUES (8, 16, 16, 2, '', 'bfloat16', 1, 0);"
      "INSERT INTO sweeps (problem_id, spec, state, resolved, total, created_at, finished_at) VALUES"
      "(1, '{}', 'paused', '{\"per_channel_quant\":false,\"kernel\":\"cuda\"}', 1, 1, NULL),"
      "(1, '{}', 'done', '{\"per_channel_quant\":false}', 1, 1, 2), (1, '{}', 'queued', NULL, NULL, 1, NULL)");
  must(migrate(connection, now));
  EXPECT_EQ(connection.text("SELECT group_concat(ifnull(resolved, 'null'), ';') FROM sweeps"),
            R"({"per_channel_quant":false,"kernel":"cuda","router_weight_on_input":false};)"
            R"({"per_channel_quant":false};null)");
}

TEST(MigrationTest, MovesContentsOfCandidateSetsAndKeepsTheirTritonVersions) {
  const SchemaDefinition& now = results_schema();
  Connection connection;
  must(migrate(connection, {now.what, now.application_id, now.migrations.first(5)}));
  const std::vector<std::string> contents = {R"({"triton_version":"3.5.0","triton_version":"3.6.0","1":{}})",
                                             R"({"triton_version":3})", R"({"1":{"triton_version":"3.6.0"}})"};
  for (const auto& content : contents) {
    connection.execute(
        "INSERT INTO candidate_sets (name, digest, path, device, num_experts, intermediate_size, dtype, bytes, "
        "canonical, content, unusable, imported_at) VALUES ('n' || (SELECT count(*) FROM candidate_sets), "
        "printf('%064d', 0), 'p', 'd', 8, 16, '', 1, 0, '" +
        content + "', 0, 1)");
  }
  must(migrate(connection, now));
  EXPECT_EQ(connection.text("SELECT group_concat(ifnull(triton_version, 'null'), ';') FROM candidate_sets"),
            "3.6.0;;null");
  EXPECT_EQ(connection.text("SELECT group_concat(content, ';') FROM candidate_contents"),
            contents[0] + ";" + contents[1] + ";" + contents[2]);
}

/// A database file as an earlier version wrote it, made once by `db_writer FOLDER fill-with-examples`.
class EarlierVersionTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::filesystem::copy_file(std::filesystem::path(MOETUNE_DB_FIXTURES) / GetParam(), database_path(folder_.path()));
    database_ = open_or_throw(folder_.path());
  }
  template <typename Query>
  auto read(Query&& query) {
    return must(database_->read(std::forward<Query>(query)));
  }

  TemporaryFolder folder_;
  std::unique_ptr<Database> database_;
};

TEST_P(EarlierVersionTest, OpensAndHoldsTogether) {
  const CheckReport report = must(check_database(folder_.path()));
  EXPECT_EQ(report.findings, std::vector<std::string>{});
  EXPECT_EQ(report.schema_version, results_schema().version());
  EXPECT_EQ(report.trials, 304);
  EXPECT_EQ(report.sweeps, 3);
  EXPECT_EQ(database_->uuid().size(), 32U);
}

TEST_P(EarlierVersionTest, KeepsItsRows) {
  const std::string label = database_->uuid().substr(0, 8) + "-1";
  const auto rows =
      read([](Snapshot& snapshot) { return list_trials(snapshot, {.include_discarded = true}, std::nullopt, 1000); });
  ASSERT_EQ(rows.size(), 304U);
  schema::Trial first = ok_trial(1, 0, 10);
  first.sweep = label;
  EXPECT_EQ(rows[0].trial, first);
  schema::Trial failed = failed_trial(64, 1, schema::TrialStatus::compiler_crash);
  failed.log_tail = std::string(12'000, 'l');
  failed.samples_us = {1.5, 2.5, 3.5};
  failed.sweep = label;
  EXPECT_EQ(rows[300].trial, failed);
  EXPECT_TRUE(rows[301].discarded);
  schema::Trial imported = ok_trial(16, 0, 33);
  imported.group.origin = schema::Origin::imported;
  imported.sweep = "0badcafe-1";
  imported.driver = "570.1";
  EXPECT_EQ(rows[302].trial, imported);
}

TEST_P(EarlierVersionTest, KnowsItsImportedRowsAndTakesTheirTwins) {
  schema::Trial known = ok_trial(16, 0, 34);
  std::vector<std::string> lines = {to_json(known).dump()};
  known.latency_us = 35;
  lines.push_back(to_json(known).dump());
  const auto report = must(import_trials(*database_,
                                         [&](std::string& line) -> Result<bool> {
                                           if (lines.empty()) return false;
                                           line = std::exchange(lines.back(), "");
                                           lines.pop_back();
                                           return true;
                                         },
                                         {}));
  EXPECT_EQ(report.duplicates, 1);
  EXPECT_EQ(report.inserted, 1);
  EXPECT_EQ(must(check_database(folder_.path())).findings, std::vector<std::string>{});
}

TEST_P(EarlierVersionTest, AnswersTheBestRows) {
  schema::GroupFilter measured;
  measured.origin = schema::Origin::measured;
  const auto best = read([&](Snapshot& snapshot) -> Result<std::vector<BatchBest>> {
    return best_of_group(snapshot, must(matching_groups(snapshot, measured)).at(0).id);
  });
  ASSERT_EQ(best.size(), 3U);
  EXPECT_EQ(best[0].best.latency_us, 10);
  EXPECT_EQ(best[0].best.config, example_config(0));
  EXPECT_EQ(best[0].default_source, "vllm 0.11");
  EXPECT_EQ(best[0].rows, 100);
}

TEST_P(EarlierVersionTest, GoesOnWithItsSweeps) {
  const auto unfinished = read([](Snapshot& snapshot) { return unfinished_sweeps(snapshot); });
  ASSERT_EQ(unfinished.size(), 1U);
  EXPECT_EQ(unfinished[0].id, 3);
  EXPECT_EQ(must(database_->write([](Transaction& t) { return interrupt_open_attempts(t, "boot-2"); })), 1);
  const auto cut_off = read([](Snapshot& snapshot) { return cut_off_attempts(snapshot, 3); });
  ASSERT_EQ(cut_off.size(), 1U);
  EXPECT_EQ(cut_off[0].candidate, (TrialKey{16, example_config(3)}));
  EXPECT_EQ(must(database_->write([](Transaction& t) { return record_trial(t, 3, ok_trial(1, 0, 4)); })),
            Recorded::inserted);
}

TEST_P(EarlierVersionTest, HoldsProblemsOfBothKindsOfRouterWeightApart) {
  schema::Trial early = ok_trial(1, 0, 5);
  early.group.problem.router_weight_on_input = true;
  std::vector<std::string> lines = {to_json(early).dump()};
  const auto report = must(import_trials(*database_,
                                         [&](std::string& line) -> Result<bool> {
                                           if (lines.empty()) return false;
                                           line = std::exchange(lines.back(), "");
                                           lines.pop_back();
                                           return true;
                                         },
                                         {}));
  EXPECT_EQ(report.inserted, 1);
  schema::GroupFilter filter;
  for (const bool on_input : {false, true}) {
    filter.router_weight_on_input = on_input;
    const auto groups = read([&](Snapshot& snapshot) { return matching_groups(snapshot, filter, Versions::all); });
    ASSERT_FALSE(groups.empty());
    for (const GroupMatch& match : groups) EXPECT_EQ(match.group.problem.router_weight_on_input, on_input);
  }
  EXPECT_EQ(must(check_database(folder_.path())).findings, std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(Fixtures, EarlierVersionTest,
                         ::testing::Values("v1.db", "v2.db", "v4.db", "v5.db", "v7.db", "v8.db"),
                         [](const auto& version) { return std::string(version.param).substr(0, 2); });

}  // namespace
}  // namespace moetune::db
