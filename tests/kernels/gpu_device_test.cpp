#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/cuda_kernel.hpp"
#include "kernels/probe.hpp"
#include "tests/kernels/fake_gpu.hpp"
#include "tests/kernels/problem_forms.hpp"

namespace moetune::kernels {
namespace {

using schema::TrialStatus;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::SizeIs;
using testing::WorkerSession;

class GpuDeviceTest : public testing::FakeGpuTest {};

TEST_F(GpuDeviceTest, ASampleIsTheTimeOfOnePassOfBothGemms) {
  auto worker = start();
  ASSERT_FALSE(ready_.error) << ready_.error->message;
  for (const std::int64_t batch : {1, 16}) {
    const auto reply = worker->measure(job("us=20", batch));
    EXPECT_EQ(reply.status, TrialStatus::ok) << reply.log_tail;
    EXPECT_THAT(reply.samples_us, AllOf(SizeIs(3), Each(DoubleNear(40, 0.01))));
    EXPECT_THAT(reply.stages_us,
                AllOf(Contains(Key("alignment")), Contains(Key("activation")), Contains(Key("reduction")), SizeIs(3)));
    EXPECT_GT(reply.busy_us, 3 * 40);
    EXPECT_EQ(reply.sm_clock_mhz, 1980);
    EXPECT_FALSE(reply.throttle);
  }
}

TEST_F(GpuDeviceTest, ARoundHasThreeSamplesWhateverTheBestTakes) {
  auto worker = start();
  for (const double best_us : {10.0, 30.0, 39.5}) {
    auto round = job("us=20");
    round.best_us = best_us;
    EXPECT_THAT(worker->measure(round).samples_us, SizeIs(3)) << best_us;
  }
}

TEST_F(GpuDeviceTest, AScanKnowsTheBestThatItHasJustMeasured) {
  auto worker = start();
  auto good = job("us=20");
  good.quick = true;
  auto slow = job("us=30");
  slow.quick = true;
  EXPECT_THAT(worker->measure(slow).samples_us, SizeIs(3));
  EXPECT_THAT(worker->measure(good).samples_us, SizeIs(3));
  EXPECT_THAT(worker->measure(slow).samples_us, SizeIs(1));
  slow.batch = 16;
  EXPECT_THAT(worker->measure(slow).samples_us, SizeIs(3)) << "another batch has another best";
}

TEST_F(GpuDeviceTest, AScanTakesTheComparedPassOfWhatTakesTwiceTheBest) {
  request_.problem.intermediate_size = 1024;
  request_.problem.hidden_size = 512;
  request_.batches = {256};  // touches six times the L2: a replay is one pass
  auto worker = start();
  ASSERT_FALSE(ready_.error) << ready_.error->message;
  const auto scan = [&](const std::string& behaviour) {
    auto quick = job(behaviour, 256);
    quick.quick = true;
    return worker->measure(quick);
  };
  EXPECT_THAT(scan("us=20").samples_us, SizeIs(3));
  const auto slow = scan("us=35");
  EXPECT_THAT(slow.samples_us, ElementsAre(DoubleNear(70, 0.01)));
  EXPECT_GT(slow.busy_us, 3 * 70) << "replays after the check";
  const auto hopeless = scan("us=50");
  EXPECT_EQ(hopeless.status, TrialStatus::ok);
  EXPECT_THAT(hopeless.samples_us, ElementsAre(DoubleNear(100, 0.01)));
  EXPECT_LT(hopeless.busy_us, 2 * 100) << "the check alone";
  EXPECT_EQ(hopeless.sm_clock_mhz, 1980);
  EXPECT_EQ(scan("us=50 wrong=1000").status, TrialStatus::wrong_result);
}

TEST_F(GpuDeviceTest, TheRestOfTheStepIsTimedUnlessItIsLeftOut) {
  auto worker = start();
  auto without = job("us=20");
  without.stages = false;
  EXPECT_THAT(worker->measure(without).stages_us, SizeIs(0));
  EXPECT_THAT(worker->measure(job("us=20")).stages_us, SizeIs(3));
}

TEST_F(GpuDeviceTest, QuantisedProblemsTimeTheirQuantisationApart) {
  request_.problem.dtype = schema::Dtype::fp8_w8a8;
  request_.problem.block_shape = schema::BlockShape{64, 64};
  auto worker = start();
  ASSERT_FALSE(ready_.error) << ready_.error->message;
  const auto reply = worker->measure(job("us=20"));
  EXPECT_EQ(reply.status, TrialStatus::ok) << reply.log_tail;
  EXPECT_THAT(reply.stages_us, AllOf(Contains(Key("quantisation")), SizeIs(4)));
}

TEST_F(GpuDeviceTest, EveryFormOfQuantisationIsMeasured) {
  for (const auto& form : testing::all_forms()) {
    request_.problem = form.of(8, 64, 128, 2);
    for (const bool on_input : {false, true}) {
      request_.problem.router_weight_on_input = on_input;
      auto worker = start();
      ASSERT_FALSE(ready_.error) << form.name << ": " << ready_.error->message;
      auto with_triton = job("us=20", 16);
      with_triton.gemm_1 = with_triton.gemm_2 = triton_artifact("triton", "us=20");
      const auto reply = worker->measure(with_triton);
      EXPECT_EQ(reply.status, TrialStatus::ok) << form.name << ": " << reply.log_tail;
      EXPECT_EQ(reply.stages_us.contains("quantisation"), form.dtype == schema::Dtype::fp8_w8a8) << form.name;
    }
  }
}

TEST_F(GpuDeviceTest, TheKernelCudaIsNotLoadedForWhatItDoesNotCompute) {
  request_.problem.dtype = schema::Dtype::int8_w8a16;
  auto worker = start();
  ASSERT_FALSE(ready_.error) << ready_.error->message;
  const auto reply = worker->measure(job("us=20"));
  EXPECT_EQ(reply.status, TrialStatus::launch_error);
  EXPECT_THAT(reply.log_tail, HasSubstr("the Triton kernels (vllm, sglang, builtin) do"));
}

TEST_F(GpuDeviceTest, AWrongResultIsFoundAndHarmsNobodyElse) {
  auto worker = start();
  const auto wrong = worker->measure(job("us=20 wrong=1000"));
  EXPECT_EQ(wrong.status, TrialStatus::wrong_result);
  EXPECT_THAT(wrong.samples_us, IsEmpty());
  EXPECT_THAT(wrong.log_tail, HasSubstr("GEMM 1 1"));
  EXPECT_EQ(worker->measure(job("us=20")).status, TrialStatus::ok);
}

TEST_F(GpuDeviceTest, AResultThatIsRightOnFreshInputsIsRight) {
  // What was wrong the first time may be the fault of a kernel before it.
  auto worker = start();
  EXPECT_EQ(worker->measure(job("us=20 wrong=2")).status, TrialStatus::ok);
}

TEST_F(GpuDeviceTest, AKernelThatNeverEndsIsATimeoutAndEndsTheWorker) {
  auto worker = start({"--time-limit-ms", "100"});
  const auto reply = worker->measure(job("us=20 hang"));
  EXPECT_EQ(reply.status, TrialStatus::measure_timeout);
  EXPECT_TRUE(reply.context_lost);
  EXPECT_THAT(reply.log_tail, HasSubstr("did not end in time"));
  EXPECT_EQ(worker->wait(), 3);
}

TEST_F(GpuDeviceTest, AnIllegalAddressIsALaunchErrorAndEndsTheWorker) {
  auto worker = start();
  EXPECT_EQ(worker->measure(job("us=20")).status, TrialStatus::ok);
  const auto reply = worker->measure(job("us=20 illegal"));
  EXPECT_EQ(reply.status, TrialStatus::launch_error);
  EXPECT_TRUE(reply.context_lost);
  EXPECT_THAT(reply.log_tail, HasSubstr("CUDA_ERROR_ILLEGAL_ADDRESS"));
  EXPECT_EQ(worker->wait(), 3);
}

TEST_F(GpuDeviceTest, WhatTheDeviceCannotHoldIsOutOfResources) {
  auto worker = start();
  const auto refused = worker->measure(job("us=20 refuse"));
  EXPECT_EQ(refused.status, TrialStatus::out_of_resources);
  EXPECT_FALSE(refused.context_lost);
  const auto registers = worker->measure(job("us=20 threads=64"));
  EXPECT_EQ(registers.status, TrialStatus::out_of_resources);
  EXPECT_THAT(registers.log_tail, HasSubstr("a block has 128 threads"));
  auto large = job("us=20");
  large.config = {.block_size_m = 256,
                  .block_size_n = 256,
                  .block_size_k = 256,
                  .group_size_m = 1,
                  .num_warps = 4,
                  .num_stages = 5};
  const auto shared = worker->measure(large);
  EXPECT_EQ(shared.status, TrialStatus::out_of_resources);
  EXPECT_THAT(shared.log_tail, HasSubstr("bytes of shared memory"));
  EXPECT_EQ(worker->measure(job("us=20")).status, TrialStatus::ok);
}

TEST_F(GpuDeviceTest, CodeThatDoesNotLoadIsALaunchError) {
  auto worker = start();
  const auto reply = worker->measure(job("broken"));
  EXPECT_EQ(reply.status, TrialStatus::launch_error);
  EXPECT_FALSE(reply.context_lost);
  EXPECT_THAT(reply.log_tail, HasSubstr("CUDA_ERROR_INVALID_IMAGE"));
}

TEST_F(GpuDeviceTest, ADamagedArtifactIsNoTrial) {
  auto worker = start();
  auto damaged = job("us=20");
  std::filesystem::resize_file(damaged.gemm_1, std::filesystem::file_size(damaged.gemm_1) - 5);
  auto reply = worker->measure(damaged);
  EXPECT_TRUE(reply.artifact_damaged);
  auto absent = job("us=20");
  absent.gemm_2 += "-absent";
  EXPECT_TRUE(worker->measure(absent).artifact_damaged);
  auto step = job("us=20");
  step.gemm_1 = request_.step_artifact;
  EXPECT_TRUE(worker->measure(step).artifact_damaged);
}

TEST_F(GpuDeviceTest, EachGemmOfAPairRunsWithItsOwnTile) {
  auto worker = start();
  // Two pairs, each a block of its own: 2 x 128 columns of GEMM 1 by 32, 128 columns of GEMM 2 by 64.
  const auto reply = worker->measure(pair("us=20 grid=8 group=1", "us=30 grid=4 group=4"));
  EXPECT_EQ(reply.status, TrialStatus::ok) << reply.log_tail;
  EXPECT_THAT(reply.samples_us, AllOf(SizeIs(3), Each(DoubleNear(50, 0.01))));
  EXPECT_EQ(worker->measure(pair("us=20 grid=4", "us=30")).status, TrialStatus::launch_error);
  EXPECT_EQ(worker->measure(pair("us=20", "us=30 group=1")).status, TrialStatus::launch_error);
}

TEST_F(GpuDeviceTest, GemmsThatAreTimedApartAddUp) {
  auto worker = start();
  auto apart = pair("us=20", "us=30");
  for (const bool is_apart : {true, false}) {
    apart.apart = is_apart;
    const auto reply = worker->measure(apart);
    EXPECT_EQ(reply.status, TrialStatus::ok) << reply.log_tail;
    EXPECT_THAT(reply.samples_us, AllOf(SizeIs(3), Each(DoubleNear(50, 0.01))));
    EXPECT_THAT(reply.stages_us, SizeIs(is_apart ? 5 : 3));
    if (!is_apart) continue;
    EXPECT_NEAR(reply.stages_us.at("gemm_1"), 20, 0.01);
    EXPECT_NEAR(reply.stages_us.at("gemm_2"), 30, 0.01);
    EXPECT_THAT(reply.stages_us, Contains(Key("alignment")));
  }
}

TEST_F(GpuDeviceTest, TilesThatDifferInGroupSizeShareAnArtifact) {
  set("FAKE_CUDA_MODULES", "2");  // the step's and one more
  auto worker = start();
  auto shared = job("us=20");
  shared.config.down =
      schema::DownTile{.block_size_n = 32, .block_size_k = 32, .group_size_m = 8, .num_warps = 4, .num_stages = 2};
  EXPECT_EQ(worker->measure(shared).status, TrialStatus::ok);
}

TEST_F(GpuDeviceTest, AnArtifactOfAnotherTileIsRefused) {
  auto worker = start();
  auto plain = job("us=20");
  plain.gemm_1 = plain.gemm_2 = artifact("tile", "us=20", Unit::gemm, {{"defines", {{"BLOCK_SIZE_N", "32"}}}});
  EXPECT_EQ(worker->measure(plain).status, TrialStatus::ok);
  // The same file again, loaded by now, for a pair whose GEMM 2 has another tile.
  auto mixed = pair("us=20", "us=30");
  mixed.gemm_1 = mixed.gemm_2 = plain.gemm_1;
  const auto reply = worker->measure(mixed);
  EXPECT_EQ(reply.status, TrialStatus::launch_error);
  EXPECT_FALSE(reply.context_lost);
  EXPECT_THAT(reply.log_tail, HasSubstr("compiled with BLOCK_SIZE_N 32, its GEMM is to run with 64"));
  EXPECT_EQ(worker->measure(plain).status, TrialStatus::ok);
}

TEST_F(GpuDeviceTest, OtherCodeForTheSameConfigurationIsCheckedAnew) {
  auto worker = start();
  EXPECT_EQ(worker->measure(job("us=20")).status, TrialStatus::ok);
  EXPECT_EQ(worker->measure(job("us=20 wrong=1000")).status, TrialStatus::wrong_result);
}

TEST_F(GpuDeviceTest, UnloadsModulesAgain) {
  set("FAKE_CUDA_MODULES", "20");
  auto worker = start();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(worker->measure(job("us=20")).status, TrialStatus::ok);
}

TEST_F(GpuDeviceTest, NoticesOtherProcesses) {
  set("FAKE_PROCESSES", "30");
  auto worker = start();
  EXPECT_EQ(worker->measure(job("us=20")).throttle, "29 other processes on the GPU");
}

TEST_F(GpuDeviceTest, RefusesWhatDoesNotFitIntoMemory) {
  set("FAKE_CUDA_MEMORY_MIB", "256");
  auto worker = start();
  ASSERT_TRUE(ready_.error);
  EXPECT_EQ(ready_.error->code, schema::ErrorCode::too_large);
  EXPECT_THAT(ready_.error->message, HasSubstr("256.0 MiB are free"));
}

TEST_F(GpuDeviceTest, RefusesWhatTheKernelDoesNotCompute) {
  request_.routing = "skewed";
  start();
  EXPECT_EQ(ready_.error.value().code, schema::ErrorCode::invalid_argument);
  request_.routing = "uniform";
  request_.problem.dtype = schema::Dtype::int4_w4a16;
  start();
  EXPECT_EQ(ready_.error.value().code, schema::ErrorCode::invalid_argument);
  request_.problem.dtype = schema::Dtype::none;
  request_.step_artifact = job("us=1").gemm_1;
  start();
  EXPECT_EQ(ready_.error.value().code, schema::ErrorCode::data_damaged);
}

TEST_F(GpuDeviceTest, ProbeNamesTheGpu) {
  set("FAKE_PROCESSES", "3");
  WorkerSession worker({MOETUNE_MEASURE_WORKER, "--probe"}, environment_);
  const auto facts = device_facts_from_json(worker.receive().value_or(nlohmann::json()));
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_TRUE(facts->has_cuda && facts->has_nvml);
  EXPECT_EQ(facts->cuda_version, "13.0");
  EXPECT_EQ(facts->driver_version, "580.65.06");
  ASSERT_THAT(facts->gpus, SizeIs(1));
  EXPECT_EQ(facts->gpus[0].name, "NVIDIA_H200");
  EXPECT_EQ(facts->gpus[0].arch, "sm_90");
  EXPECT_EQ(facts->gpus[0].compile_arch, "sm_90a");
  EXPECT_EQ(facts->gpus[0].other_processes, 3);
  EXPECT_EQ(facts->gpus[0].memory_free_bytes, 140LL << 30);
}

TEST_F(GpuDeviceTest, ProbeSaysWhatToDoWithoutAGpu) {
  set("FAKE_CUDA_DEVICES", "0");
  WorkerSession worker({MOETUNE_MEASURE_WORKER, "--probe"}, environment_);
  const auto facts = device_facts_from_json(worker.receive().value_or(nlohmann::json()));
  ASSERT_TRUE(facts) << facts.error().message;
  ASSERT_FALSE(facts->lacks.empty());
  EXPECT_THAT(facts->lacks[0].what, HasSubstr("sees no GPU"));
  EXPECT_THAT(facts->lacks[0].remedy, HasSubstr("CUDA_VISIBLE_DEVICES"));
}

TEST_F(GpuDeviceTest, ProbeReportsADriverThatDoesNotStart) {
  set("FAKE_CUDA_INIT", "100");
  WorkerSession worker({MOETUNE_MEASURE_WORKER, "--probe"}, environment_);
  const auto facts = device_facts_from_json(worker.receive().value_or(nlohmann::json()));
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_FALSE(facts->has_cuda);
  EXPECT_THAT(facts->lacks.at(0).what, HasSubstr("does not start"));
}

}  // namespace
}  // namespace moetune::kernels
