#include "daemon/http/trial_csv.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/daemon/http/sample_trials.hpp"

namespace moetune::daemon::http {
namespace {

TEST(TrialCsvTest, HasOneCellPerColumn) {
  schema::Trial trial = sample_trial(1, 0);
  trial.samples_us.clear();
  trial.group.problem.block_shape.reset();
  const std::string header = trial_csv_header();
  const std::string line = trial_csv_line(trial);
  EXPECT_EQ(std::ranges::count(header, ','), std::ranges::count(line, ','));
  EXPECT_TRUE(header.starts_with("device,arch,E,N,hidden_size,topk,dtype,block_shape,"));
  EXPECT_TRUE(line.ends_with("\r\n"));
}

TEST(TrialCsvTest, HasColumnsForTheTileOfGemm2) {
  schema::Trial trial = sample_trial(1, 0);
  const std::string header = trial_csv_header();
  EXPECT_TRUE(header.ends_with(
      ",sweep,down_BLOCK_SIZE_M,down_BLOCK_SIZE_N,down_BLOCK_SIZE_K,down_GROUP_SIZE_M,down_num_warps,down_num_stages"
      "\r\n"));
  EXPECT_TRUE(trial_csv_line(trial).ends_with(",,,,,,\r\n"));
  trial.config = paired(trial.config, {16, 128, 64, 32, 8, 5});
  const std::string line = trial_csv_line(trial);
  EXPECT_TRUE(line.ends_with(",16,128,64,32,8,5\r\n")) << line;
  EXPECT_EQ(std::ranges::count(header, ','), std::ranges::count(line, ',') - 3) << "[128,128] and the samples";
}

TEST(TrialCsvTest, QuotesWhatHasCommasQuotesAndLineBreaks) {
  schema::Trial trial = sample_trial(8, 3);
  trial.status = schema::TrialStatus::compiler_crash;
  trial.latency_us.reset();
  trial.samples_us.clear();
  trial.log_tail = "error: \"tile\"\nkilled, at last";
  const std::string line = trial_csv_line(trial);
  EXPECT_NE(line.find(",\"[128,128]\","), std::string::npos) << line;
  EXPECT_NE(line.find(",compiler_crash,,[],"), std::string::npos) << line;
  EXPECT_NE(line.find(",\"error: \"\"tile\"\"\nkilled, at last\","), std::string::npos) << line;
}

TEST(TrialCsvTest, StaysTextWhenALogIsNot) {
  schema::Trial trial = sample_trial(8, 3);
  trial.stages_us["a\xff"] = 1;
  EXPECT_NE(trial_csv_line(trial).find("stages"), 0U);
}

}  // namespace
}  // namespace moetune::daemon::http
