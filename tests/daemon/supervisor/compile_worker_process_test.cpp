#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "daemon/supervisor/worker_process.hpp"
#include "kernels/worker_protocol.hpp"
#include "tests/daemon/supervisor/worker_harness.hpp"
#include "tests/kernels/sample_jobs.hpp"
#include "tests/kernels/temp_file.hpp"

// The real moetune-compile-worker with the real compiler, and faults that are really injected into it.
namespace moetune::daemon {
namespace {

using kernels::testing::small_job;
using kernels::testing::TempFolder;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using testing::WorkerHarness;

class CompileWorkerProcessTest : public ::testing::Test {
 protected:
  static WorkerProcess::Options options(const std::string& fault = "", const std::string& limit_mib = "8192") {
    WorkerProcess::Options options;
    options.command.argv = {MOETUNE_COMPILE_WORKER, "--memory-limit-mib", limit_mib};
    options.command.environment = {{"MOETUNE_TEST_FAULT", fault}};
    options.kind = "compile";
    return options;
  }

  nlohmann::json job() const { return kernels::to_json(small_job(1, output_)); }

  /// Sends one job to a worker with that fault and waits for its end.
  WorkerEnded end_with(const std::string& fault, JobLimits limits = {}, const std::string& limit_mib = "8192") {
    WorkerHarness harness(options(fault, limit_mib));
    EXPECT_NE(harness.wait_for<WorkerReady>(), nullptr);
    EXPECT_TRUE(harness.worker().send(job(), limits));
    const auto* ended = harness.wait_for<WorkerEnded>();
    if (ended == nullptr) return {};
    EXPECT_EQ(ended->job, 1);
    EXPECT_TRUE(ended->delivered);
    return *ended;
  }

  TempFolder folder_;
  std::filesystem::path output_ = folder_.path() / "kernel.cubin";
};

TEST_F(CompileWorkerProcessTest, CompilesJobAfterJob) {
  WorkerHarness harness(options());
  const auto* ready = harness.wait_for<WorkerReady>();
  ASSERT_NE(ready, nullptr);
  EXPECT_THAT(ready->hello.compiler, ::testing::StartsWith("nvrtc"));
  for (int i = 0; i < 2; ++i) {
    std::filesystem::remove(output_);
    ASSERT_TRUE(harness.worker().send(job(), {}));
    const auto* reply = harness.wait_for<WorkerReply>();
    ASSERT_NE(reply, nullptr);
    const auto read = kernels::compile_reply_from_json(reply->body);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->status, schema::TrialStatus::ok) << read->log_tail;
    EXPECT_EQ(read->cubin_bytes, std::filesystem::file_size(output_));
  }
  harness.worker().stop();
  EXPECT_EQ(harness.wait_for<WorkerEnded>()->status.code, 0);
}

TEST_F(CompileWorkerProcessTest, AnAbortIsReportedWithItsLog) {
  const auto ended = end_with("abort");
  EXPECT_EQ(ended.status.signal, SIGABRT);
  EXPECT_FALSE(ended.killed);
  EXPECT_THAT(ended.log_tail, HasSubstr("injected abort"));
}

TEST_F(CompileWorkerProcessTest, ASegmentationFaultIsReported) {
  EXPECT_FALSE(end_with("segfault").killed);
}

TEST_F(CompileWorkerProcessTest, AKillFromOutsideIsReported) {
  const auto ended = end_with("killed");
  EXPECT_EQ(ended.status.signal, SIGKILL);
  EXPECT_FALSE(ended.killed);
}

TEST_F(CompileWorkerProcessTest, AnExitInTheMiddleIsReported) {
  EXPECT_EQ(end_with("exit0").status.code, 0);
  EXPECT_THAT(end_with("half_line").explanation, HasSubstr("in the middle of a line"));
}

TEST_F(CompileWorkerProcessTest, AHangIsEnded) {
  EXPECT_EQ(end_with("hang", {.time = milliseconds(300)}).killed, KillReason::timeout);
}

TEST_F(CompileWorkerProcessTest, ABlowUpIsEndedByItsSupervisor) {
  EXPECT_EQ(end_with("allocate", {.resident_bytes = 300 << 20}).killed, KillReason::memory);
}

TEST_F(CompileWorkerProcessTest, ABlowUpFailsInsideTheWorker) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's shadow memory leaves no room for a limit";
#endif
  const auto ended = end_with("allocate", {.resident_bytes = 64LL << 30}, "1024");
  EXPECT_FALSE(ended.killed);
  EXPECT_EQ(ended.status.signal, SIGABRT);
  EXPECT_THAT(ended.log_tail, HasSubstr("bad_alloc"));
}

TEST_F(CompileWorkerProcessTest, GarbageIsEnded) {
  for (const auto* fault : {"garbage", "wrong_id", "flood", "mute"}) {
    EXPECT_EQ(end_with(fault).killed, KillReason::garbage) << fault;
  }
}

TEST_F(CompileWorkerProcessTest, AnOrphanWithThePipeHoldsNothingUp) {
  const auto ended = end_with("orphan");
  EXPECT_EQ(ended.status.signal, SIGABRT);
  EXPECT_FALSE(ended.killed);
}

TEST_F(CompileWorkerProcessTest, PrintingToStdoutDisturbsNothing) {
  WorkerHarness harness(options("print"));
  ASSERT_NE(harness.wait_for<WorkerReady>(), nullptr);
  ASSERT_TRUE(harness.worker().send(job(), {}));
  const auto* reply = harness.wait_for<WorkerReply>();
  ASSERT_NE(reply, nullptr);
  EXPECT_EQ(reply->body["status"], "ok");
}

TEST_F(CompileWorkerProcessTest, AFaultHitsTheTilesThatItNames) {
  WorkerHarness harness(options("abort@BLOCK_SIZE_M=64;abort@BLOCK_SIZE_M=16,num_stages=2"));
  ASSERT_NE(harness.wait_for<WorkerReady>(), nullptr);
  auto spared = small_job(1, output_);
  spared.config.num_stages = 1;
  ASSERT_TRUE(harness.worker().send(kernels::to_json(spared), {}));
  EXPECT_NE(harness.wait_for<WorkerReply>(), nullptr);
  ASSERT_TRUE(harness.worker().send(job(), {}));
  EXPECT_EQ(harness.wait_for<WorkerEnded>()->status.signal, SIGABRT);
}

TEST_F(CompileWorkerProcessTest, AFaultCanHappenJustOnce) {
  const auto fault = fmt::format("abort@once={}", (folder_.path() / "marker").string());
  end_with(fault);
  WorkerHarness harness(options(fault));
  ASSERT_NE(harness.wait_for<WorkerReady>(), nullptr);
  ASSERT_TRUE(harness.worker().send(job(), {}));
  EXPECT_NE(harness.wait_for<WorkerReply>(), nullptr);
}

TEST_F(CompileWorkerProcessTest, AWorkerThatCannotStartSaysWhy) {
  auto without_compiler = options();
  without_compiler.command.environment.emplace_back("MOETUNE_NVRTC", "/no/such/libnvrtc.so");
  WorkerHarness harness(std::move(without_compiler));
  const auto* ended = harness.wait_for<WorkerEnded>();
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->status.code, 4);
  EXPECT_THAT(ended->log_tail, HasSubstr("NVRTC"));

  WorkerHarness stuck([] {
    auto hanging = options("hang@at=start");
    hanging.start_limit = milliseconds(200);
    return hanging;
  }());
  EXPECT_EQ(stuck.wait_for<WorkerEnded>()->killed, KillReason::silence);
}

TEST_F(CompileWorkerProcessTest, StopsInTheMiddleOfACompilation) {
  WorkerHarness harness(options("hang"));
  ASSERT_NE(harness.wait_for<WorkerReady>(), nullptr);
  ASSERT_TRUE(harness.worker().send(job(), {}));
  harness.worker().stop();
  const auto* ended = harness.wait_for<WorkerEnded>();
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->status.code, 0) << "the closed pipe ends it, no signal is needed";
  EXPECT_EQ(ended->killed, KillReason::stop);
}

/// A daemon in miniature: a process that starts a worker, prints its id once the worker computes, and is then killed.
TEST_F(CompileWorkerProcessTest, DoesNotOutliveAKilledDaemon) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t daemon = ::fork();
  if (daemon == 0) {
    WorkerHarness harness(options("hang"));
    if (harness.wait_for<WorkerReady>() == nullptr || !harness.worker().send(job(), {})) ::_exit(1);
    const pid_t worker = harness.worker().pid();
    if (::write(ends[1], &worker, sizeof worker) != sizeof worker) ::_exit(1);
    for (;;) ::pause();
  }
  pid_t worker = -1;
  ASSERT_EQ(::read(ends[0], &worker, sizeof worker), sizeof worker);
  for (const int end : ends) ::close(end);
  const kernels::UniqueFd watched(static_cast<int>(::syscall(SYS_pidfd_open, worker, 0)));
  ASSERT_TRUE(watched);
  ASSERT_EQ(::kill(daemon, SIGKILL), 0);
  ASSERT_EQ(::waitpid(daemon, nullptr, 0), daemon);
  pollfd gone{.fd = watched.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&gone, 1, 10'000), 1);
}

}  // namespace
}  // namespace moetune::daemon
