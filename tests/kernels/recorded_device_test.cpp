#include "kernels/recorded_device.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/sample_trial.hpp"

namespace moetune::kernels {
namespace {

using schema::TrialStatus;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::sample_config;
using testing::sample_trial;

class RecordedDeviceTest : public ::testing::Test {
 protected:
  RecordedDeviceTest() {
    recording_.group = sample_trial().group;
    recording_.arch = "sm_90";
    for (const std::int64_t batch : {1, 2}) {
      recording_.rows[{batch, sample_config()}] = {.samples_us = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21},
                                                   .stages_us = {{"alignment", 2.5}},
                                                   .sm_clock_mhz = 1980};
    }
  }
  static MeasureJob job(std::int64_t batch) {
    MeasureJob job;
    job.id = 7;
    job.batch = batch;
    job.config = sample_config();
    return job;
  }

  Recording recording_;
};

TEST_F(RecordedDeviceTest, DrawsFromTheRowTheSameEveryTime) {
  RecordedDevice device(recording_, 0);
  const MeasureReply reply = device.measure(job(1)).value();
  EXPECT_EQ(reply.id, 7);
  EXPECT_EQ(reply.status, TrialStatus::ok);
  EXPECT_EQ(reply.samples_us.size(), 3U);
  EXPECT_THAT(reply.samples_us, Each(::testing::AllOf(::testing::Ge(10), ::testing::Le(21))));
  EXPECT_EQ(reply.stages_us.at("alignment"), 2.5);
  EXPECT_EQ(reply.sm_clock_mhz, 1980);
  MeasureJob contender = job(1);
  contender.best_us = 1.0;
  EXPECT_EQ(RecordedDevice(recording_, 0).measure(contender).value().samples_us, reply.samples_us);
}

TEST_F(RecordedDeviceTest, KeyAndSeedSteerTheDraw) {
  const auto first = RecordedDevice(recording_, 0).measure(job(1)).value().samples_us;
  EXPECT_NE(RecordedDevice(recording_, 1).measure(job(1)).value().samples_us, first);
  EXPECT_NE(RecordedDevice(recording_, 0).measure(job(2)).value().samples_us, first);
}

TEST_F(RecordedDeviceTest, TheDrawIsTheSameOnEveryMachine) {
  // Fixed figures: a change here changes what every recorded run says.
  recording_.rows[{1, sample_config()}].samples_us = {1, 2, 3, 4};
  const auto samples = RecordedDevice(recording_, 42).measure(job(1)).value().samples_us;
  EXPECT_THAT(samples, ::testing::ElementsAre(3, 1, 3));
}

TEST_F(RecordedDeviceTest, FewSamplesAreDrawnThreeTimes) {
  recording_.rows[{1, sample_config()}].samples_us = {12.5};
  EXPECT_THAT(RecordedDevice(recording_, 0).measure(job(1)).value().samples_us,
              ::testing::ElementsAre(12.5, 12.5, 12.5));
}

TEST_F(RecordedDeviceTest, AQuickAnswerIsTheBeginningOfTheWholeOne) {
  RecordedDevice device(recording_, 0);
  const auto whole = device.measure(job(1)).value().samples_us;
  MeasureJob quick = job(1);
  quick.quick = true;
  EXPECT_THAT(device.measure(quick).value().samples_us, ::testing::ElementsAre(whole[0], whole[1], whole[2]));
}

TEST_F(RecordedDeviceTest, EachRoundIsADrawOfItsOwn) {
  RecordedDevice device(recording_, 0);
  std::vector<std::vector<double>> rounds;
  for (const int round : {0, 1, 2, 1}) {
    MeasureJob job = this->job(1);
    job.round = round;
    rounds.push_back(device.measure(job).value().samples_us);
  }
  EXPECT_THAT(rounds, Each(::testing::SizeIs(3)));
  EXPECT_NE(rounds[0], rounds[1]);
  EXPECT_NE(rounds[1], rounds[2]);
  EXPECT_EQ(rounds[1], rounds[3]);
}

TEST_F(RecordedDeviceTest, GemmsApartAreAnsweredAsTheyWereRecorded) {
  MeasureJob apart = job(1);
  apart.apart = true;
  EXPECT_THAT(RecordedDevice(recording_, 0).measure(apart).value().stages_us,
              ::testing::ElementsAre(::testing::Pair("alignment", 2.5)));
  // A pair has a row of its own, and is not put together from others.
  apart.config.down = schema::DownTile{.block_size_n = 64, .block_size_k = 128};
  EXPECT_EQ(RecordedDevice(recording_, 0).measure(apart).value().status, TrialStatus::launch_error);
  recording_.rows[{1, apart.config}] = {.samples_us = {10}, .stages_us = {{"gemm_1", 6}, {"gemm_2", 4}}};
  EXPECT_THAT(RecordedDevice(recording_, 0).measure(apart).value().stages_us,
              ::testing::ElementsAre(::testing::Pair("gemm_1", 6), ::testing::Pair("gemm_2", 4)));
}

TEST_F(RecordedDeviceTest, AFailedRowAnswersItsStatus) {
  recording_.rows[{1, sample_config()}] = {.status = TrialStatus::out_of_resources, .log_tail = "shared memory"};
  const MeasureReply reply = RecordedDevice(recording_, 0).measure(job(1)).value();
  EXPECT_EQ(reply.status, TrialStatus::out_of_resources);
  EXPECT_THAT(reply.samples_us, IsEmpty());
  EXPECT_EQ(reply.log_tail, "shared memory");
}

TEST_F(RecordedDeviceTest, APairHasARowOfItsOwn) {
  schema::TileConfig down = sample_config();
  down.num_warps = 8;
  MeasureJob pair = job(1);
  pair.config = paired(pair.config, down);
  const MeasureReply missing = RecordedDevice(recording_, 0).measure(pair).value();
  EXPECT_EQ(missing.status, TrialStatus::launch_error);
  EXPECT_THAT(missing.log_tail, HasSubstr("no row for batch 1, 16x128x128 g1 w4 s3 | 16x128x128 g1 w8 s3"));
  recording_.rows[{1, pair.config}] = {.samples_us = {7}};
  EXPECT_THAT(RecordedDevice(recording_, 0).measure(pair).value().samples_us, Each(7));
  EXPECT_THAT(RecordedDevice(recording_, 0).measure(job(1)).value().samples_us, Each(::testing::Ge(10)));
}

TEST_F(RecordedDeviceTest, AKeyThatIsNotThereIsNamed) {
  const MeasureReply reply = RecordedDevice(recording_, 0).measure(job(3)).value();
  EXPECT_EQ(reply.status, TrialStatus::launch_error);
  EXPECT_THAT(reply.log_tail, HasSubstr("no row for batch 3, 16x128x128 g1 w4 s3"));
}

}  // namespace
}  // namespace moetune::kernels
