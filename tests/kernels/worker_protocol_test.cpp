#include "kernels/worker_protocol.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/sample_jobs.hpp"

namespace moetune::kernels {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// What a value becomes on its way through the pipe.
json through_text(const json& value) {
  return json::parse(value.dump());
}

TEST(WorkerProtocolTest, CarriesHello) {
  const auto read = hello_from_json(through_text(
      to_json(Hello{.worker = "compile", .version = "1.2", .compiler = "nvrtc 13.0", .kernel_digest = "ab"})));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->worker, "compile");
  EXPECT_EQ(read->version, "1.2");
  EXPECT_EQ(read->compiler, "nvrtc 13.0");
  EXPECT_EQ(read->kernel_digest, "ab");
}

TEST(WorkerProtocolTest, TakesAHelloWithoutACompiler) {
  const auto read = hello_from_json({{"type", "hello"}, {"worker", "measure"}, {"version", "1"}});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->compiler, "");
}

TEST(WorkerProtocolTest, CarriesACompileJob) {
  const auto job = testing::small_job(42, "/somewhere/42.cubin");
  const auto read = compile_job_from_json(through_text(to_json(job)));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->id, 42);
  EXPECT_EQ(read->unit, Unit::gemm);
  EXPECT_EQ(read->arch, "sm_90a");
  EXPECT_EQ(read->problem, job.problem);
  EXPECT_EQ(read->config, job.config);
  EXPECT_EQ(read->output, job.output);
}

TEST(WorkerProtocolTest, CarriesACompileReply) {
  const auto read =
      compile_reply_from_json(through_text(to_json(CompileReply{.id = 3,
                                                                .status = schema::TrialStatus::compile_error,
                                                                .cubin_bytes = 1,
                                                                .shared_bytes = 2,
                                                                .registers = 3,
                                                                .spill_bytes = 4,
                                                                .seconds = 0.5,
                                                                .log_tail = "line\nline"})));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->status, schema::TrialStatus::compile_error);
  EXPECT_EQ(read->cubin_bytes, 1);
  EXPECT_EQ(read->shared_bytes, 2);
  EXPECT_EQ(read->registers, 3);
  EXPECT_EQ(read->spill_bytes, 4);
  EXPECT_EQ(read->seconds, 0.5);
  EXPECT_EQ(read->log_tail, "line\nline");
}

TEST(WorkerProtocolTest, LetsNoCompileWorkerClaimACrash) {
  auto reply = to_json(CompileReply{.id = 1, .log_tail = ""});
  reply["status"] = "compiler_crash";
  EXPECT_THAT(compile_reply_from_json(reply).error().message, HasSubstr("compile reply.status must be ok"));
}

TEST(WorkerProtocolTest, CarriesAnOpenRequest) {
  const OpenProblem request{.id = 1,
                            .gpu = 3,
                            .recording = "/recordings/a.jsonl.zst",
                            .recording_kernel = "vllm",
                            .problem = testing::fp8_problem(),
                            .batches = {1, 64},
                            .l2 = schema::L2::warm,
                            .routing = "counts:0123456789abcdef",
                            .expert_counts = schema::ExpertCounts{{{1, 0, 3}, {4, 5, 6}}},
                            .seed = 18446744073709551615ULL,
                            .step_artifact = "",
                            .alignment = {.naive = false, .extra_experts = 1, .round_to = 4, .rows_limit = false}};
  const auto read = open_problem_from_json(through_text(to_json(request)));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->gpu, 3);
  EXPECT_EQ(read->recording, request.recording);
  EXPECT_EQ(read->recording_kernel, "vllm");
  EXPECT_EQ(read->problem, request.problem);
  EXPECT_THAT(read->batches, ElementsAre(1, 64));
  EXPECT_EQ(read->l2, schema::L2::warm);
  EXPECT_EQ(read->routing, request.routing);
  EXPECT_EQ(read->expert_counts, request.expert_counts);
  EXPECT_EQ(read->seed, request.seed);
  EXPECT_EQ(read->alignment, request.alignment);
}

TEST(WorkerProtocolTest, RefusesAnOpenRequestWithoutAWholeAlignmentRule) {
  OpenProblem request;
  request.problem = testing::fp8_problem();
  request.batches = {1};
  const json whole = to_json(request);
  ASSERT_TRUE(open_problem_from_json(whole)) << open_problem_from_json(whole).error().message;
  auto without = whole;
  without.erase("alignment");
  EXPECT_THAT(open_problem_from_json(without).error().message, HasSubstr("open request.alignment"));
  for (const char* field : {"naive", "extra_experts", "pairs_limit", "round_to", "rows_limit"}) {
    auto lacking = whole;
    lacking["alignment"].erase(field);
    EXPECT_THAT(open_problem_from_json(lacking).error().message, HasSubstr(std::string("alignment.") + field));
  }
  auto senseless = whole;
  senseless["alignment"]["round_to"] = 0;
  EXPECT_THAT(open_problem_from_json(senseless).error().message, HasSubstr("alignment.round_to"));
}

TEST(WorkerProtocolTest, CarriesTheErrorOfAnOpenRequest) {
  const MeasureReady reply{.id = 1, .error = schema::Error{schema::ErrorCode::too_large, "needs 200 GiB", nullptr}};
  const auto read = measure_ready_from_json(through_text(to_json(reply)));
  ASSERT_TRUE(read && read->error);
  EXPECT_EQ(read->error->code, schema::ErrorCode::too_large);
  EXPECT_EQ(read->error->message, "needs 200 GiB");
  EXPECT_FALSE(measure_ready_from_json(to_json(MeasureReady{.id = 1, .error = {}}))->error);
}

TEST(WorkerProtocolTest, RefusesAnErrorOfNoKnownKind) {
  const auto read =
      measure_ready_from_json({{"type", "ready"}, {"id", 1}, {"error", {{"code", "tired"}, {"message", "no"}}}});
  EXPECT_THAT(read.error().message, HasSubstr("\"tired\" is not the code of an error"));
}

TEST(WorkerProtocolTest, CarriesMeasurements) {
  const auto job = measure_job_from_json(through_text(to_json(MeasureJob{.id = 5,
                                                                         .batch = 64,
                                                                         .config = testing::small_job(1, "").config,
                                                                         .gemm_1 = "/a.art",
                                                                         .gemm_2 = "/b.art",
                                                                         .best_us = 17.5,
                                                                         .quick = true,
                                                                         .round = 7,
                                                                         .apart = true})));
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_EQ(job->batch, 64);
  EXPECT_EQ(job->gemm_1, "/a.art");
  EXPECT_EQ(job->gemm_2, "/b.art");
  EXPECT_EQ(job->best_us, 17.5);
  EXPECT_TRUE(job->quick && job->apart);
  EXPECT_EQ(job->round, 7);

  MeasureReply reply;
  reply.id = 5;
  reply.samples_us = {18.1, 18.2};
  reply.stages_us = {{"alignment", 2.5}};
  reply.sm_clock_mhz = 1980;
  reply.throttle = "sw_power_cap";
  reply.busy_us = 400;
  reply.context_lost = true;
  const auto read = measure_reply_from_json(through_text(to_json(reply)));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->samples_us, reply.samples_us);
  EXPECT_EQ(read->stages_us, reply.stages_us);
  EXPECT_EQ(read->sm_clock_mhz, 1980);
  EXPECT_EQ(read->throttle, "sw_power_cap");
  EXPECT_EQ(read->busy_us, 400);
  EXPECT_TRUE(read->context_lost);
  EXPECT_FALSE(read->artifact_damaged);
}

TEST(WorkerProtocolTest, WantsSamplesOfWhatWasMeasured) {
  MeasureReply reply;
  EXPECT_THAT(measure_reply_from_json(to_json(reply)).error().message, HasSubstr("at least one sample"));
  reply.artifact_damaged = true;
  EXPECT_TRUE(measure_reply_from_json(to_json(reply)));
  reply.artifact_damaged = false;
  reply.status = schema::TrialStatus::launch_error;
  EXPECT_TRUE(measure_reply_from_json(to_json(reply)));
}

TEST(WorkerProtocolTest, RefusesALineOfAnotherKind) {
  EXPECT_THAT(compile_reply_from_json(to_json(Hello())).error().message,
              HasSubstr("compile reply.type must be \"compiled\", not \"hello\""));
}

TEST(WorkerProtocolTest, RefusesUnknownAndMissingFields) {
  auto job = to_json(testing::small_job(1, "x"));
  job["priority"] = 3;
  EXPECT_THAT(compile_job_from_json(job).error().message, HasSubstr("has no field \"priority\""));
  job.erase("priority");
  job.erase("arch");
  EXPECT_THAT(compile_job_from_json(job).error().message, HasSubstr("compile job.arch is required"));
  EXPECT_FALSE(compile_job_from_json(json::array()));
}

}  // namespace
}  // namespace moetune::kernels
