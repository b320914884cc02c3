#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "kernels/probe.hpp"
#include "tests/kernels/sample_trial.hpp"
#include "tests/kernels/temp_file.hpp"
#include "tests/kernels/worker_session.hpp"

namespace moetune::kernels {
namespace {

using schema::Trial;
using schema::TrialStatus;
using ::testing::HasSubstr;
using testing::line_of;
using testing::sample_config;
using testing::sample_problem;
using testing::sample_trial;
using testing::TempFolder;
using testing::WorkerSession;

/// The real executable, measuring from a recording.
class MeasureWorkerTest : public ::testing::Test {
 protected:
  MeasureWorkerTest() {
    Trial slow = sample_trial();
    slow.config = sample_config(64);
    slow.samples_us = {40};
    Trial failed = sample_trial();
    failed.config = sample_config(128);
    failed.status = TrialStatus::out_of_resources;
    failed.latency_us.reset();
    failed.samples_us.clear();
    request_.id = 1;
    request_.recording = folder_.write("recording", line_of(sample_trial()) + line_of(slow) + line_of(failed)).string();
    request_.problem = sample_problem();
    request_.batches = {1};
  }

  static MeasureJob job(std::int64_t id, int block_size_m) {
    MeasureJob job;
    job.id = id;
    job.batch = 1;
    job.config = sample_config(block_size_m);
    return job;
  }
  static std::vector<std::string> command() { return {MOETUNE_MEASURE_WORKER}; }
  static void expect_hello(WorkerSession& worker) {
    const auto hello = hello_from_json(worker.receive().value_or(nlohmann::json()));
    ASSERT_TRUE(hello) << hello.error().message;
    EXPECT_EQ(hello->worker, "measure");
    EXPECT_EQ(hello->version, MOETUNE_VERSION);
  }

  TempFolder folder_;
  OpenProblem request_;
};

TEST_F(MeasureWorkerTest, AnswersJobsInTheirOrder) {
  WorkerSession worker(command());
  expect_hello(worker);
  const auto ready = worker.open(request_);
  EXPECT_EQ(ready.id, 1);
  EXPECT_FALSE(ready.error) << ready.error->message;
  std::string ahead;
  for (int id = 10; id < 40; ++id) ahead += to_json(job(id, id % 2 == 0 ? 64 : 128)).dump() + "\n";
  worker.send_text(ahead);
  for (int id = 10; id < 40; ++id) {
    const auto reply = measure_reply_from_json(worker.receive().value_or(nlohmann::json()));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->id, id);
    EXPECT_EQ(reply->status, id % 2 == 0 ? TrialStatus::ok : TrialStatus::out_of_resources);
  }
  worker.close_stdin();
  EXPECT_EQ(worker.wait(), 0);
}

TEST_F(MeasureWorkerTest, TheSameSeedSaysTheSame) {
  std::vector<std::vector<double>> runs;
  for (const std::uint64_t seed : {5, 5, 6}) {
    WorkerSession worker(command());
    expect_hello(worker);
    request_.seed = seed;
    EXPECT_FALSE(worker.open(request_).error);
    runs.push_back(worker.measure(job(1, 16)).samples_us);
  }
  EXPECT_FALSE(runs[0].empty());
  EXPECT_EQ(runs[0], runs[1]);
  EXPECT_NE(runs[0], runs[2]);
}

TEST_F(MeasureWorkerTest, SaysWhyAProblemCannotBeOpened) {
  WorkerSession worker(command());
  expect_hello(worker);
  request_.batches = {7};
  auto ready = worker.open(request_);
  ASSERT_TRUE(ready.error);
  EXPECT_EQ(ready.error->code, schema::ErrorCode::not_found);
  request_.recording = folder_.path() / "absent";
  ready = worker.open(request_);
  ASSERT_TRUE(ready.error);
  EXPECT_EQ(ready.error->code, schema::ErrorCode::io);
  // And it is still there for the next.
  request_.recording = (folder_.path() / "recording").string();
  request_.batches = {1};
  EXPECT_FALSE(worker.open(request_).error);
}

TEST_F(MeasureWorkerTest, NamesTheKernelOfARecordingOfSeveral) {
  Trial other = sample_trial();
  other.group.kernel = "vllm";
  other.samples_us = {5};
  request_.recording = folder_.write("both", line_of(sample_trial()) + line_of(other)).string();
  WorkerSession worker(command());
  expect_hello(worker);
  EXPECT_EQ(worker.open(request_).error.value().code, schema::ErrorCode::conflict);
  request_.recording_kernel = "vllm";
  EXPECT_FALSE(worker.open(request_).error);
  EXPECT_THAT(worker.measure(job(1, 16)).samples_us, ::testing::Each(5.0));
}

TEST_F(MeasureWorkerTest, WithoutAGpuSaysSo) {
  if (probe().has_cuda) GTEST_SKIP() << "this machine has a GPU";
  request_.recording.reset();
  WorkerSession worker(command());
  expect_hello(worker);
  const auto ready = worker.open(request_);
  ASSERT_TRUE(ready.error);
  EXPECT_EQ(ready.error->code, schema::ErrorCode::unavailable);
  EXPECT_THAT(ready.error->message, HasSubstr("no NVIDIA driver on this machine"));
}

TEST_F(MeasureWorkerTest, EndsOnRequestsThatMakeNoSense) {
  for (const char* nonsense : {"{\"type\": \"measure\"}\n", "not JSON\n", "{\"type\": \"compile\", \"id\": 1}\n"}) {
    WorkerSession worker(command());
    expect_hello(worker);
    worker.send_text(nonsense);
    EXPECT_FALSE(worker.receive_text());
    EXPECT_EQ(worker.wait(), 70) << nonsense;
  }
  WorkerSession worker(command());
  expect_hello(worker);
  worker.send(to_json(job(1, 16)));  // nothing is open
  EXPECT_FALSE(worker.receive_text());
  EXPECT_EQ(worker.wait(), 70);
}

TEST_F(MeasureWorkerTest, EndsWhenStdinDoesEvenInTheMiddleOfAJob) {
  WorkerSession worker(command(), {{"MOETUNE_TEST_MEASURE_DELAY_MS", "600000"}});
  expect_hello(worker);
  EXPECT_FALSE(worker.open(request_).error);
  worker.send(to_json(job(1, 16)));
  worker.close_stdin();
  EXPECT_EQ(worker.wait(), 0);
}

TEST_F(MeasureWorkerTest, FaultsAreRealAndHitTheirConfigurationOnly) {
  for (const auto& [fault, status] : {std::pair{"abort", -SIGABRT}, {"killed", -SIGKILL}, {"exit0", 0}}) {
    WorkerSession worker(command(), {{"MOETUNE_TEST_FAULT", std::string(fault) + "@type=measure,BLOCK_SIZE_M=64"}});
    expect_hello(worker);
    EXPECT_FALSE(worker.open(request_).error);
    EXPECT_EQ(worker.measure(job(1, 16)).status, TrialStatus::ok);
    worker.send(to_json(job(2, 64)));
    EXPECT_FALSE(worker.receive_text());
    EXPECT_EQ(worker.wait(), status) << fault;
  }
}

TEST_F(MeasureWorkerTest, GarbageIsGarbage) {
  WorkerSession worker(command(), {{"MOETUNE_TEST_FAULT", "garbage@batch=1"}});
  expect_hello(worker);
  EXPECT_FALSE(worker.open(request_).error);
  worker.send(to_json(job(1, 16)));
  EXPECT_FALSE(nlohmann::json::accept(worker.receive_text().value_or("{}")));
}

TEST_F(MeasureWorkerTest, RefusesFlagsThatItDoesNotKnow) {
  for (const auto& arguments : {std::vector<std::string>{"--prob"}, {"--time-limit-ms"}, {"--time-limit-ms", "0"}}) {
    auto argv = command();
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    WorkerSession worker(argv);
    EXPECT_FALSE(worker.receive_text());
    EXPECT_EQ(worker.wait(), 2);
  }
}

TEST_F(MeasureWorkerTest, ProbeSaysWhatThereIsAndWhatIsMissing) {
  WorkerSession worker({MOETUNE_MEASURE_WORKER, "--probe"});
  const auto facts = device_facts_from_json(worker.receive().value_or(nlohmann::json()));
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(worker.wait(), 0);
  if (!facts->has_cuda) {
    ASSERT_FALSE(facts->lacks.empty());
    EXPECT_THAT(facts->lacks[0].what, HasSubstr("driver"));
    EXPECT_THAT(facts->lacks[0].remedy, HasSubstr("install"));
  } else {
    EXPECT_FALSE(facts->gpus.empty());
  }
}

}  // namespace
}  // namespace moetune::kernels
