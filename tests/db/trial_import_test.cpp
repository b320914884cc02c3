#include "db/trial_import.hpp"

#include "db/best_query.hpp"
#include "db/maintenance.hpp"
#include "db/trial_listing.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using schema::Origin;
using schema::Trial;

class TrialImportTest : public StoreTest {
 protected:
  Result<ImportReport> import(std::vector<std::string> lines, const ImportOptions& options = {}) {
    std::size_t next = 0;
    return import_trials(
        database(),
        [&](std::string& line) -> Result<bool> {
          if (next == lines.size()) return false;
          line = lines[next++];
          return true;
        },
        options);
  }
  static std::string line(const Trial& trial) { return schema::to_json(trial).dump(); }
  std::vector<StoredTrial> rows() {
    return read([](Snapshot& snapshot) { return list_trials(snapshot, {}, std::nullopt, 100'000); });
  }
  void expect_sound() {
    const CheckReport report = must(check_database(data_dir()));
    EXPECT_EQ(report.findings, std::vector<std::string>{});
  }
};

Trial with_label(Trial trial, std::string label) {
  trial.sweep = std::move(label);
  return trial;
}

TEST_F(TrialImportTest, KeepsEveryFieldAndMarksTheRowImported) {
  Trial trial = with_label(ok_trial(16, 3, 18.02), "abcd0123-7");
  trial.stages_us = {{"align", 1.5}};
  trial.driver = "570";
  const auto report = must(import({line(trial)}));
  EXPECT_EQ(report.rows, 1);
  EXPECT_EQ(report.inserted, 1);
  trial.group.origin = Origin::imported;
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows()[0].trial, trial);
  expect_sound();
}

TEST_F(TrialImportTest, KeepsRecordedRowsRecorded) {
  Trial trial = ok_trial(1, 0, 10);
  trial.group.origin = Origin::recorded;
  must(import({line(trial)}));
  EXPECT_EQ(rows().at(0).trial.group.origin, Origin::recorded);
}

TEST_F(TrialImportTest, InsertsNothingTheSecondTime) {
  const std::vector<std::string> lines = {line(ok_trial(1, 0, 10)), line(with_label(ok_trial(1, 0, 10), "x-1")),
                                          line(failed_trial(1, 1, schema::TrialStatus::compile_error))};
  EXPECT_EQ(must(import(lines)).inserted, 3);
  const auto again = must(import(lines));
  EXPECT_EQ(again.inserted, 0);
  EXPECT_EQ(again.duplicates, 3);
  EXPECT_EQ(rows().size(), 3U);
  expect_sound();
}

TEST_F(TrialImportTest, AKnownRowWithoutRoundsGetsThem) {
  Trial told = with_label(ok_trial(1, 0, 10), "abcd0123-7");
  told.samples_us = {9, 10, 11, 10};
  Trial untold = told;
  told.rounds = {2, 2};
  told.rounds_of = "abcd0123-5";
  Trial otherwise = told;
  otherwise.rounds = {1, 3};
  must(import({line(untold)}));
  ASSERT_EQ(rows().at(0).trial.rounds, std::vector<std::int64_t>{});
  const auto report = must(import({line(told), line(told), line(untold), line(otherwise)}));
  EXPECT_EQ(report.inserted, 0);
  EXPECT_EQ(report.duplicates, 4);
  EXPECT_EQ(report.completed, 1);
  ASSERT_EQ(rows().size(), 1U);
  told.group.origin = Origin::imported;
  EXPECT_EQ(rows()[0].trial, told);
  EXPECT_EQ(rows()[0].rounds_us, (std::vector<double>{9.5, 10.5}));
  expect_sound();
}

TEST_F(TrialImportTest, KeepsRepeatedMeasurements) {
  Trial trial = ok_trial(1, 0, 10);
  Trial again = trial;
  again.measured_at.ms += 1000;
  again.latency_us = 11;
  again.samples_us = {11};
  EXPECT_EQ(must(import({line(trial), line(again), line(trial)})).duplicates, 1);
  ASSERT_EQ(rows().size(), 2U);
  EXPECT_EQ(rows()[1].trial.samples_us, std::vector{11.0});
}

TEST_F(TrialImportTest, KeepsRowsOfOneMomentThatSayDifferentThings) {
  const Trial first = ok_trial(1, 0, 100);
  std::vector<Trial> others(8, first);
  others[0].latency_us = 40;
  others[1].samples_us = {100, 101};
  others[2].gpu_uuid = "GPU-2";
  others[3].throttle = "";
  others[4].sm_clock_mhz = 1500;
  others[5].stages_us = {{"align", 1.5}};
  others[6].log_tail = "two";
  others[7] = failed_trial(1, 0, schema::TrialStatus::launch_error);
  std::vector<std::string> lines = {line(first)};
  for (const Trial& other : others) lines.push_back(line(other));
  EXPECT_EQ(must(import(lines)).inserted, 9);
  ASSERT_EQ(rows().size(), 9U);
  for (std::size_t i = 0; i < others.size(); ++i) {
    others[i].group.origin = Origin::imported;
    EXPECT_EQ(rows()[i + 1].trial, others[i]);
  }
  std::ranges::reverse(lines);
  EXPECT_EQ(must(import(lines)).duplicates, 9);
  const auto best = read([](Snapshot& snapshot) -> Result<std::vector<BatchBest>> {
    return best_of_group(snapshot, must(matching_groups(snapshot, {})).at(0).id);
  });
  EXPECT_EQ(best.at(0).best.latency_us, 40);
  expect_sound();
}

TEST_F(TrialImportTest, TakesNoWordForItsOwnRowThatSaysSomethingElse) {
  const std::int64_t id = new_sweep();
  record(id, ok_trial(1, 0, 10));
  Trial altered = rows().at(0).trial;
  altered.samples_us = {9.5, 10, 10.5};
  EXPECT_EQ(must(import({line(altered), line(altered)})).inserted, 1);
  ASSERT_EQ(rows().size(), 2U);
  EXPECT_EQ(rows()[1].trial.group.origin, Origin::imported);
  expect_sound();
}

TEST_F(TrialImportTest, ReportsBadLinesAndTakesTheRest) {
  std::vector<std::string> lines = {line(ok_trial(1, 0, 10)),       "{broken", "", "  \r", "[]", R"({"device": 5})",
                                    line(ok_trial(1, 1, 10)) + "\r"};
  const auto report = must(import(lines));
  EXPECT_EQ(report.rows, 5);
  EXPECT_EQ(report.inserted, 2);
  EXPECT_EQ(report.rejected, 3);
  ASSERT_EQ(report.rejections.size(), 3U);
  EXPECT_EQ(report.rejections[0].line, 2);
  EXPECT_EQ(report.rejections[1].line, 5);
  EXPECT_EQ(report.rejections[2].line, 6);
  EXPECT_NE(report.rejections[2].message.find("device"), std::string::npos);
}

TEST_F(TrialImportTest, ListsTheFirstRejectionsOnly) {
  const auto report = must(import(std::vector<std::string>(50, "?")));
  EXPECT_EQ(report.rejected, 50);
  EXPECT_EQ(report.rejections.size(), ImportReport::k_max_rejections);
}

TEST_F(TrialImportTest, TakesItsOwnExportForDuplicates) {
  const std::int64_t id = new_sweep();
  record(id, ok_trial(1, 0, 10));
  record(id, failed_trial(1, 1, schema::TrialStatus::wrong_result));
  std::vector<std::string> exported;
  for (const auto& row : rows()) exported.push_back(line(row.trial));
  EXPECT_EQ(must(import(exported)).duplicates, 2);
  EXPECT_EQ(rows().size(), 2U);
  // A row that this database lost, e.g. because it went back to a backup, comes in as an imported one.
  must(import({line(with_label(ok_trial(1, 2, 9), sweep(id).label))}));
  ASSERT_EQ(rows().size(), 3U);
  EXPECT_EQ(rows()[2].trial.group.origin, Origin::imported);
  EXPECT_EQ(rows()[2].trial.sweep, sweep(id).label);
  EXPECT_EQ(read([&](Snapshot& snapshot) { return finished_trials(snapshot, id); }).size(), 2U);
  expect_sound();
}

TEST_F(TrialImportTest, MovesRowsToAnotherDatabaseAndBack) {
  const std::int64_t id = new_sweep();
  for (int config = 0; config < 20; ++config) record(id, ok_trial(1, config, 10 + config));
  std::vector<std::string> first;
  for (const auto& row : rows()) first.push_back(line(row.trial));
  TemporaryFolder folder;
  const auto other = open_or_throw(folder.path());
  std::size_t next = 0;
  must(import_trials(*other,
                     [&](std::string& text) -> Result<bool> {
                       if (next == first.size()) return false;
                       text = first[next++];
                       return true;
                     },
                     {}));
  std::vector<std::string> second;
  must(for_each_trial(*other, {}, std::nullopt, [&](const StoredTrial& row) {
    second.push_back(line(row.trial));
    return true;
  }));
  EXPECT_EQ(second.size(), 20U);
  EXPECT_EQ(must(import(second)).duplicates, 20);
}

TEST_F(TrialImportTest, PairsOfTilesComeBackAsTheyWere) {
  std::vector<Trial> trials;
  for (const int down : {0, 1, 2}) {
    trials.push_back(with_label(ok_trial(1, 0, 10 + down), "elsewhere-1"));
    trials.back().config = schema::paired(example_config(0), example_config(down));
    trials.back().group.origin = Origin::imported;
  }
  trials.push_back(with_label(failed_trial(1, 0, schema::TrialStatus::wrong_result), "elsewhere-1"));
  trials.back().config = schema::paired(example_config(3), example_config(4));
  trials.back().group.origin = Origin::imported;
  std::vector<std::string> lines;
  for (const Trial& trial : trials) lines.push_back(line(trial));
  EXPECT_EQ(must(import(lines)).inserted, 4);
  EXPECT_EQ(must(import(lines)).duplicates, 4);
  const auto stored = rows();
  ASSERT_EQ(stored.size(), 4U);
  for (std::size_t i = 0; i < stored.size(); ++i) {
    EXPECT_EQ(stored[i].trial, trials[i]);
    const auto found =
        read([&](Snapshot& snapshot) { return list_trials(snapshot, {.config = trials[i].config}, std::nullopt, 10); });
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].id, stored[i].id);
  }
  expect_sound();
}

TEST_F(TrialImportTest, StoresTheDefaultOfEveryRunAndBatch) {
  int asked = 0;
  const ImportOptions options{.default_config =
                                  [&](const schema::Problem&, std::int64_t batch) {
                                    ++asked;
                                    return batch == 1 ? std::optional(example_config(1)) : std::nullopt;
                                  },
                              .default_source = "vllm 0.11 rules"};
  must(import({line(ok_trial(1, 0, 10)), line(ok_trial(1, 1, 12)), line(ok_trial(16, 0, 20)),
               line(with_label(ok_trial(1, 0, 9), "x-1"))},
              options));
  EXPECT_EQ(asked, 2);
  const auto best = read([](Snapshot& snapshot) -> Result<std::vector<BatchBest>> {
    return best_of_group(snapshot, must(matching_groups(snapshot, {})).at(0).id);
  });
  ASSERT_EQ(best.size(), 2U);
  EXPECT_EQ(best[0].best.latency_us, 9);
  EXPECT_EQ(best[0].sweep, "x-1");
  EXPECT_EQ(best[0].default_config, example_config(1));
  EXPECT_EQ(best[0].default_source, "vllm 0.11 rules");
  EXPECT_FALSE(best[0].default_row);  // the label x-1 has no row of the default, and another run's does not count
  EXPECT_FALSE(best[1].default_config);
}

TEST_F(TrialImportTest, ComparesRowsWithoutALabelWithNoDefault) {
  const ImportOptions options{
      .default_config = [](const schema::Problem&, std::int64_t) { return std::optional(example_config(0)); }};
  Trial labelled_default = with_label(ok_trial(4, 0, 40), "x-1");
  must(import({line(ok_trial(1, 0, 20)), line(ok_trial(1, 1, 10)),  // some default, some day, and another row
               line(ok_trial(2, 0, 20)), line(ok_trial(2, 1, 30)),  // the default itself is the best
               line(ok_trial(3, 1, 30)), line(failed_trial(3, 0, schema::TrialStatus::out_of_resources)),
               line(labelled_default), line(with_label(ok_trial(4, 1, 30), "x-1"))},
              options));
  const auto best = read([](Snapshot& snapshot) -> Result<std::vector<BatchBest>> {
    return best_of_group(snapshot, must(matching_groups(snapshot, {})).at(0).id);
  });
  ASSERT_EQ(best.size(), 4U);
  for (const BatchBest& entry : best) EXPECT_EQ(entry.default_config, example_config(0));
  EXPECT_FALSE(best[0].default_row);
  EXPECT_FALSE(best[0].default_failed);
  EXPECT_FALSE(best[1].default_row);
  EXPECT_FALSE(best[1].default_failed);
  EXPECT_FALSE(best[2].default_row);
  EXPECT_TRUE(best[2].default_failed);
  ASSERT_TRUE(best[3].default_row);
  EXPECT_EQ(best[3].default_row->latency_us, 40);
}

TEST_F(TrialImportTest, CommitsInChunksAndKeepsThemWhenTheSourceFails) {
  constexpr int k_lines = 12'000;
  int given = 0;
  const auto failed = import_trials(database(),
                                    [&](std::string& text) -> Result<bool> {
                                      if (given == k_lines) return schema::fail(ErrorCode::io, "the pipe broke");
                                      Trial trial = ok_trial(1 + given / 1000, given % 1000, 10);
                                      text = line(trial);
                                      ++given;
                                      return true;
                                    },
                                    {});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "the pipe broke");
  EXPECT_EQ(failed.error().detail.at("committed").at("inserted"), k_lines);
  EXPECT_EQ(must(check_database(data_dir())).trials, k_lines);
  expect_sound();
}

}  // namespace
}  // namespace moetune::db
