#include "cli/file_verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/file_verdict_report.hpp"
#include "tests/cli/sample_comparison.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<FileVerdict> verdicts(const std::vector<ComparedFile>& files, const std::vector<ordered_json>& batches,
                                  const std::map<std::int64_t, schema::TileConfig>& known = {}) {
  const auto result = verdicts_of(files, sample_problem(), sample_comparison(batches), known);
  EXPECT_TRUE(result) << result.error().message;
  return result.value_or(std::vector<FileVerdict>());
}

FileVerdict verdict(const std::vector<ordered_json>& batches,
                    const std::map<std::int64_t, schema::TileConfig>& known = {}) {
  return verdicts({sample_file("tuned.json", {{1, k_tuned}})}, batches, known).front();
}

ordered_json won(std::int64_t batch, double speedup) {
  const char* standing = speedup > 1 ? "slower" : "faster";  // of the default, which comes first
  return compared_batch(batch, {contender(k_standard, 100), contender(k_tuned, 100 / speedup)},
                        {pair(0, 1, standing, 1 / speedup)});
}

std::string text_of(const FileVerdict& verdict, bool is_first = true) {
  std::string text;
  for (const auto& line : verdict_table(verdict, is_first).lines({}, 0)) text += line + "\n";
  for (const auto& line : verdict_lines(verdict)) text += line + "\n";
  return text;
}

TEST(FileVerdictTest, TurnsAPairRoundThatNamesTheFileSecond) {
  const FileVerdict result = verdict({won(1, 1.25)});
  const BatchVerdict& batch = result.batches.front();
  EXPECT_EQ(batch.versus_default->standing, "faster");
  EXPECT_NEAR(batch.versus_default->speedup, 1.25, 1e-9);
  EXPECT_NEAR(batch.versus_default->low, 1.25 / 1.01, 1e-9);
  EXPECT_NEAR(batch.versus_default->high, 1.25 / 0.99, 1e-9);
  EXPECT_EQ(batch.default_us, 100);
  EXPECT_EQ(batch.latency_us, 80);
  EXPECT_TRUE(result.is_good());
}

TEST(FileVerdictTest, CountsAndFindsTheWorst) {
  const FileVerdict result = verdict({won(1, 1.21), won(2, 1.0 / 1.21), won(4, 1.1)});
  EXPECT_EQ(result.versus_default.count("faster"), 2U);
  EXPECT_THAT(result.versus_default.batches.at("slower"), ElementsAre(2));
  EXPECT_EQ(result.versus_default.worst_batch, 2);
  EXPECT_NEAR(*result.versus_default.geomean, std::cbrt(1.1), 1e-9);
  EXPECT_FALSE(result.is_good());
  EXPECT_THAT(text_of(result), AllOf(HasSubstr("against the default: faster 2, slower 1 of 3 batches; geomean 1.032x, "
                                               "worst 0.826x at 2; slower at 2\n"),
                                     HasSubstr("\nit loses against the default at 1 batch\n")));
}

TEST(FileVerdictTest, ARowThatRunsAsTheDefaultIsIdentical) {
  const auto file = sample_file("same.json", {{1, k_standard}});
  const FileVerdict result = verdicts({file}, {compared_batch(1, {contender(k_standard, 100)}, {})}).front();
  EXPECT_EQ(result.batches.front().versus_default->standing, "identical");
  EXPECT_EQ(result.versus_default.geomean, 1);
  EXPECT_TRUE(result.is_good());
  EXPECT_THAT(text_of(result), HasSubstr("no better than the default: faster nowhere beyond noise"));
}

TEST(FileVerdictTest, ARefusedRowIsNamedAndSpeaksAgainstTheFile) {
  const FileVerdict result =
      verdict({won(1, 1.2), compared_batch(64, {contender(k_standard, 100), refused(k_tuned, "out_of_resources")}, {}),
               compared_batch(96, {contender(k_standard, 100), refused(k_tuned, "wrong_result")}, {})});
  EXPECT_THAT(result.refused, ElementsAre(64, 96));
  EXPECT_FALSE(result.is_good());
  EXPECT_EQ(result.batches[1].versus_default, std::nullopt);
  EXPECT_THAT(text_of(result),
              AllOf(HasSubstr("the engine fails at 64 (out_of_resources)"),
                    HasSubstr("the engine computes garbage at 96 (wrong_result)"), HasSubstr("do not serve with it")));
  EXPECT_EQ(to_json(result)["refused_at"], ordered_json({64, 96}));
  EXPECT_EQ(to_json(result)["batches"][1]["status"], "out_of_resources");
}

TEST(FileVerdictTest, ADefaultThatDoesNotRunIsNoCompetitor) {
  const FileVerdict result =
      verdict({compared_batch(1, {refused(k_standard, "out_of_resources"), contender(k_tuned, 50)}, {})});
  EXPECT_TRUE(result.is_good());
  EXPECT_EQ(result.batches.front().default_status, "out_of_resources");
  EXPECT_THAT(text_of(result), AllOf(HasSubstr("default: out_of_resources"), HasSubstr("no default to hold it")));
}

TEST(FileVerdictTest, WhatWasNotMeasuredIsSaidToBe) {
  const FileVerdict none = verdict({compared_batch(1, {}, {}), compared_batch(2, {}, {})});
  EXPECT_FALSE(none.is_good());
  EXPECT_THAT(text_of(none), HasSubstr("nothing of it was measured"));
  const FileVerdict some = verdict({won(1, 1.2), compared_batch(2, {}, {})});
  EXPECT_TRUE(some.is_good());
  EXPECT_THAT(text_of(some), AllOf(HasSubstr("not measured: 2\n"), HasSubstr("better than the default")));
}

TEST(FileVerdictTest, HoldsItAgainstTheBestKnown) {
  const auto batch =
      compared_batch(1, {contender(k_standard, 100), contender(k_tuned, 90), contender(k_other, 80)},
                     {pair(0, 1, "slower", 0.9), pair(0, 2, "slower", 0.8), pair(1, 2, "slower", 80.0 / 90)});
  const FileVerdict result = verdict({batch}, {{1, k_other}});
  EXPECT_EQ(result.batches.front().versus_best->standing, "slower");
  EXPECT_EQ(result.batches.front().best_us, 80);
  EXPECT_TRUE(result.is_good());  // against the default
  EXPECT_THAT(text_of(result), HasSubstr("against the best known: slower 1 of 1 batches; geomean 0.889x"));
  EXPECT_THAT(text_of(verdict({batch})), Not(HasSubstr("best known")));
}

TEST(FileVerdictTest, HoldsLaterFilesAgainstTheFirst) {
  const auto batch =
      compared_batch(1, {contender(k_standard, 100), contender(k_tuned, 90), contender(k_other, 80)},
                     {pair(0, 1, "slower", 0.9), pair(0, 2, "slower", 0.8), pair(1, 2, "slower", 80.0 / 90)});
  const auto both =
      verdicts({sample_file("before.json", {{1, k_tuned}}), sample_file("after.json", {{1, k_other}})}, {batch});
  EXPECT_EQ(both[0].batches.front().versus_first, std::nullopt);
  EXPECT_EQ(both[1].batches.front().versus_first->standing, "faster");
  EXPECT_NEAR(both[1].batches.front().versus_first->speedup, 90.0 / 80, 1e-9);
  EXPECT_THAT(text_of(both[1], false), AllOf(HasSubstr("against first"), HasSubstr("1.125x faster")));
  EXPECT_THAT(text_of(both[0]), Not(HasSubstr("first")));
}

TEST(FileVerdictTest, TheTableHasTheRowThatTheEngineTakes) {
  const FileVerdict result = verdict({won(1, 1.25), won(3, 1.1)});
  EXPECT_EQ(result.batches[1].key, 1);
  const auto lines = verdict_table(result, true).lines({}, 0);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[0], HasSubstr("batch  key"));
  EXPECT_THAT(lines[2], AllOf(HasSubstr("    3    1"), HasSubstr("1.100x"), HasSubstr("1.089-1.111"),
                              HasSubstr("faster"), HasSubstr("16x128x128 g1 w4 s4")));
}

TEST(FileVerdictTest, TheTableFitsATerminalOfEightyColumns) {
  const auto batch =
      compared_batch(16384, {contender(k_standard, 12345.67), contender(k_tuned, 10987.65), contender(k_other, 10000)},
                     {pair(0, 1, "slower", 0.89), pair(0, 2, "slower", 0.81), pair(1, 2, "unclear", 0.91)});
  const auto file = sample_file("tuned.json", {{4096, k_tuned}});
  const auto lines = verdict_table(verdicts({file}, {batch}, {{16384, k_other}}).front(), true).lines({}, 80);
  ASSERT_EQ(lines.size(), 4U);
  for (const auto& line : lines) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_THAT(lines[0], HasSubstr("against best"));
  EXPECT_THAT(lines[2], HasSubstr("unclear"));
  EXPECT_THAT(lines[3], HasSubstr("16x128x128 g1 w4 s4")) << "below, where there is no room beside";
}

TEST(FileVerdictTest, AnAnswerOfAnotherKindIsRefused) {
  for (const char* text :
       {"{}", R"({"batches":[{}]})", R"({"batches":[{"batch":1,"default":null,"contenders":[{}]}]})"}) {
    const auto result =
        verdicts_of({sample_file("a.json", {{1, k_tuned}})}, sample_problem(), ordered_json::parse(text), {});
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, schema::ErrorCode::data_damaged);
  }
}

TEST(FileVerdictTest, JsonHasEveryBatchAndTheTally) {
  const ordered_json json = to_json(verdict({won(1, 1.25)}));
  EXPECT_EQ(json["path"], "tuned.json");
  EXPECT_EQ(json["good"], true);
  EXPECT_EQ(json["versus_default"]["faster"], 1);
  EXPECT_EQ(json["versus_default"]["worst_batch"], 1);
  EXPECT_EQ(json["versus_best"]["geomean"], nullptr);
  EXPECT_EQ(json["batches"][0]["versus_default"]["standing"], "faster");
  EXPECT_EQ(json["batches"][0]["config"], schema::to_json(k_tuned));
  EXPECT_THAT(json["not_measured_at"], IsEmpty());
}

}  // namespace
}  // namespace moetune::cli
