#include "cli/sweep_status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/sample_sweep.hpp"

namespace moetune::cli {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(SweepStatusTest, ReadsWhatTheDaemonAnswers) {
  const auto status = sweep_status_from_json(sample_sweep("running", 2995, 2));
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->id, 3);
  EXPECT_EQ(status->state, schema::SweepState::running);
  EXPECT_EQ(status->done, 2995);
  EXPECT_THAT(status->by_status,
              ElementsAre(Pair("ok", 2846), Pair("out_of_resources", 74), Pair("compiler_crash", 75)));
  EXPECT_EQ(status->compiles_cached, 12);
  EXPECT_EQ(status->eta_s, 88.4);
  ASSERT_EQ(status->best.size(), 2U);
  EXPECT_EQ(status->best.at(1).latency_us, 18.021);
  EXPECT_EQ(status->best.at(1).chosen, status->best.at(1).config);
  EXPECT_FALSE(status->best.at(1).keeps_default);
}

TEST(SweepStatusTest, ReadsListedSweepsWithoutBest) {
  auto value = sample_sweep("done", 5760, 1);
  value.erase("best");
  const auto status = sweep_status_from_json(value);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_TRUE(status->best.empty());
}

TEST(SweepStatusTest, AllowsFieldsOfANewerDaemon) {
  auto value = sample_sweep("queued", 0, 0);
  value["a_field_to_come"] = 7;
  EXPECT_TRUE(sweep_status_from_json(value));
}

TEST(SweepStatusTest, SaysWhenTheDaemonSpeaksOfSomethingElse) {
  for (const char* field : {"id", "state", "spec", "trials", "compiles"}) {
    auto value = sample_sweep("running", 10, 1);
    value.erase(field);
    const auto status = sweep_status_from_json(value);
    ASSERT_FALSE(status) << field;
    EXPECT_EQ(status.error().code, schema::ErrorCode::data_damaged);
    EXPECT_THAT(status.error().message, testing::HasSubstr("of one version"));
  }
  auto value = sample_sweep("running", 10, 1);
  value["best"]["1"]["config"].erase("num_warps");
  EXPECT_FALSE(sweep_status_from_json(value));
}

TEST(SweepStatusTest, ComputesTheGainOfWhatIsChosen) {
  const auto bests = batch_bests_from_json(sample_sweep("done", 5760, 3)["best"]);
  ASSERT_TRUE(bests);
  EXPECT_NEAR(bests->at(1).chosen_speedup().value(), 1.124, 1e-9);
  EXPECT_TRUE(bests->at(4).keeps_default);
  EXPECT_DOUBLE_EQ(bests->at(4).chosen_speedup().value(), 1.0);
  EXPECT_FALSE(BatchBest().chosen_speedup());
}

TEST(SweepStatusTest, NamesTheProblem) {
  EXPECT_EQ(problem_text(sample_sweep("done", 1, 0)["spec"]),
            "E=256,N=512,hidden_size=2048,topk=8,fp8_w8a8,block_shape=[128,128]");
}

}  // namespace
}  // namespace moetune::cli
