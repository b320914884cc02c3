#include "kernels/recording.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/sample_trial.hpp"
#include "tests/kernels/temp_file.hpp"

namespace moetune::kernels {
namespace {

using schema::ErrorCode;
using schema::Trial;
using schema::TrialStatus;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::line_of;
using testing::sample_config;
using testing::sample_problem;
using testing::sample_trial;
using testing::TempFolder;

class RecordingTest : public ::testing::Test {
 protected:
  RecordingTest() {
    query_.problem = sample_problem();
    query_.batches = {1, 16};
  }
  schema::Result<Recording> load(std::string_view text) {
    return Recording::load(folder_.write("recording.jsonl", text), query_);
  }

  TempFolder folder_;
  RecordingQuery query_;
};

TEST_F(RecordingTest, KeepsTheRowsOfTheQueryOnly) {
  std::string text = line_of(sample_trial());
  Trial other = sample_trial();
  other.batch = 16;
  other.config = sample_config(64);
  text += line_of(other);
  other.batch = 2;
  text += line_of(other);
  other = sample_trial();
  other.group.problem.hidden_size = 7168;
  text += line_of(other);
  other = sample_trial();
  other.group.l2 = schema::L2::warm;
  text += line_of(other);
  other = sample_trial();
  other.group.routing = "skewed";
  text += "\n" + line_of(other);

  const auto recording = load(text);
  ASSERT_TRUE(recording) << recording.error().message;
  EXPECT_EQ(recording->group.device, "NVIDIA_H200");
  EXPECT_EQ(recording->group.kernel, "cuda");
  EXPECT_EQ(recording->group.kernel_digest, "d1");
  EXPECT_EQ(recording->group.compiler, "nvrtc 13.0");
  EXPECT_EQ(recording->group.origin, schema::Origin::recorded);
  EXPECT_EQ(recording->arch, "sm_90");
  ASSERT_EQ(recording->rows.size(), 2U);
  EXPECT_TRUE(recording->rows.contains({16, sample_config(64)}));
  EXPECT_THAT(recording->rows.at({1, sample_config()}).samples_us, ElementsAre(17.5, 18.0, 18.5, 19.0));
}

TEST_F(RecordingTest, ReadsACompressedFileAlike) {
  const auto file = folder_.write("upload-7", testing::zstd_of(line_of(sample_trial())));
  const auto recording = Recording::load(file, query_);
  ASSERT_TRUE(recording) << recording.error().message;
  EXPECT_EQ(recording->rows.size(), 1U);
}

TEST_F(RecordingTest, KeepsFailedRowsAndTakesTheLatencyWhereNoSamplesAre) {
  Trial failed = sample_trial();
  failed.status = TrialStatus::compiler_crash;
  failed.latency_us.reset();
  failed.samples_us.clear();
  failed.log_tail = "PassManager::run failed";
  Trial bare = sample_trial();
  bare.batch = 16;
  bare.samples_us.clear();
  const auto recording = load(line_of(failed) + line_of(bare));
  ASSERT_TRUE(recording) << recording.error().message;
  EXPECT_EQ(recording->rows.at({1, sample_config()}).status, TrialStatus::compiler_crash);
  EXPECT_EQ(recording->rows.at({1, sample_config()}).log_tail, "PassManager::run failed");
  EXPECT_THAT(recording->rows.at({16, sample_config()}).samples_us, ElementsAre(18.0));
}

TEST_F(RecordingTest, TheNewestDigestAndTheNewestRowCount) {
  Trial newer = sample_trial();
  newer.group.kernel_digest = "d2";
  newer.measured_at.ms += 1000;
  newer.samples_us = {10.0};
  Trial repeated = newer;
  repeated.measured_at.ms -= 500;
  repeated.samples_us = {20.0};
  for (const auto& text : {line_of(sample_trial()) + line_of(newer) + line_of(repeated),
                           line_of(repeated) + line_of(newer) + line_of(sample_trial())}) {
    const auto recording = load(text);
    ASSERT_TRUE(recording) << recording.error().message;
    EXPECT_EQ(recording->group.kernel_digest, "d2");
    EXPECT_THAT(recording->rows.at({1, sample_config()}).samples_us, ElementsAre(10.0));
  }
}

TEST_F(RecordingTest, ARowWithAPairIsAnotherRow) {
  Trial pair = sample_trial();
  schema::TileConfig down = sample_config();
  down.num_warps = 8;
  pair.config = paired(sample_config(), down);
  pair.samples_us = {10.0};
  const auto recording = load(line_of(sample_trial()) + line_of(pair));
  ASSERT_TRUE(recording) << recording.error().message;
  ASSERT_EQ(recording->rows.size(), 2U);
  EXPECT_THAT(recording->rows.at({1, sample_config()}).samples_us, ElementsAre(17.5, 18.0, 18.5, 19.0));
  EXPECT_THAT(recording->rows.at({1, pair.config}).samples_us, ElementsAre(10.0));
}

TEST_F(RecordingTest, SaysWhatItHasWhereNothingMatches) {
  Trial warm = sample_trial();
  warm.group.l2 = schema::L2::warm;
  Trial other = sample_trial();
  other.group.problem.hidden_size = 4096;
  Trial elsewhere = sample_trial();
  elsewhere.batch = 3;
  const std::string text = line_of(other) + line_of(warm) + line_of(elsewhere);
  query_.batches = {64};
  const auto error = load(text).error();
  EXPECT_EQ(error.code, ErrorCode::not_found);
  const std::string here = short_text(sample_trial().group.problem);
  EXPECT_THAT(error.message, HasSubstr(fmt::format(
                                 "for the batches asked for; it has rows of {}, l2 cold, routing uniform (batches 3); "
                                 "{}, l2 warm, routing uniform (batches 1); {}, l2 cold",
                                 here, here, short_text(other.group.problem))));
  EXPECT_THAT(load("").error().message, HasSubstr("it has no rows at all"));
}

TEST_F(RecordingTest, SeveralKernelsNeedAName) {
  Trial other = sample_trial();
  other.group.kernel = "vllm";
  const std::string text = line_of(sample_trial()) + line_of(other);
  const auto ambiguous = load(text);
  EXPECT_EQ(ambiguous.error().code, ErrorCode::conflict);
  EXPECT_THAT(ambiguous.error().message, HasSubstr("several kernels: cuda, vllm"));
  query_.kernel = "vllm";
  EXPECT_EQ(load(text).value().group.kernel, "vllm");
  query_.kernel = "sglang";
  EXPECT_EQ(load(text).error().code, ErrorCode::not_found);
  EXPECT_THAT(load(text).error().message, HasSubstr("no rows of kernel sglang"));
}

TEST_F(RecordingTest, SeveralDevicesAreRefused) {
  Trial other = sample_trial();
  other.group.device = "NVIDIA_L20";
  const auto ambiguous = load(line_of(sample_trial()) + line_of(other));
  EXPECT_EQ(ambiguous.error().code, ErrorCode::conflict);
  EXPECT_THAT(ambiguous.error().message, HasSubstr("NVIDIA_H200, NVIDIA_L20"));
}

TEST_F(RecordingTest, ABadLineIsNamed) {
  const auto cut = load(line_of(sample_trial()) + R"({"device": "NVIDIA_H200")");
  EXPECT_EQ(cut.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(cut.error().message, HasSubstr("recording.jsonl line 2: trial is not valid JSON"));
  std::string typo = line_of(sample_trial());
  typo.replace(typo.find("\"batch\""), 7, "\"bacth\"");
  EXPECT_THAT(load(typo).error().message, HasSubstr("line 1: trial.batch is required"));
}

TEST_F(RecordingTest, NothingThatMatchesIsNotFound) {
  query_.batches = {4096};
  const auto none = load(line_of(sample_trial()));
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_THAT(none.error().message, HasSubstr("E=256,N=512"));
}

TEST_F(RecordingTest, ManySamplesAreTooLarge) {
  const auto file = folder_.write("recording.jsonl", line_of(sample_trial()) + line_of(sample_trial()));
  EXPECT_EQ(Recording::load(file, query_, {.max_samples = 7}).error().code, ErrorCode::too_large);
  EXPECT_TRUE(Recording::load(file, query_, {.max_samples = 8}));
}

}  // namespace
}  // namespace moetune::kernels
