#include "daemon/supervisor/worker_process.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "kernels/worker_protocol.hpp"
#include "tests/daemon/supervisor/worker_harness.hpp"

// Workers here are shell scripts that speak the protocol, so that each can go wrong in its own way.
namespace moetune::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::WorkerHarness;

std::string hello_line() {
  kernels::Hello hello;
  hello.worker = "compile";
  hello.version = MOETUNE_VERSION;
  return kernels::to_json(hello).dump();
}

/// Says hello, then runs the script.
WorkerProcess::Options script(const std::string& text) {
  WorkerProcess::Options options;
  options.command.argv = {"/bin/sh", "-c", fmt::format("echo '{}'; {}", hello_line(), text)};
  options.kind = "compile";
  options.grace = milliseconds(200);
  return options;
}

const nlohmann::json k_job = {{"type", "compile"}, {"id", 5}};

/// Starts the script as a worker, sends it a job and waits for its end.
WorkerEnded end_of(WorkerProcess::Options options, JobLimits limits = {}) {
  WorkerHarness harness(std::move(options));
  EXPECT_NE(harness.wait_for<WorkerReady>(), nullptr);
  EXPECT_TRUE(harness.worker().send(k_job, limits));
  const auto* ended = harness.wait_for<WorkerEnded>();
  EXPECT_EQ(harness.worker().state(), WorkerProcess::State::dead);
  return ended == nullptr ? WorkerEnded() : *ended;
}

TEST(WorkerProcessTest, AnswersJobsOneAfterTheOther) {
  WorkerHarness harness(script("while read line; do echo '{\"id\": 5, \"x\": 1}'; done"));
  ASSERT_NE(harness.wait_for<WorkerReady>(), nullptr);
  EXPECT_EQ(harness.worker().state(), WorkerProcess::State::idle);
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(harness.worker().send(k_job, {}));
    EXPECT_EQ(harness.worker().state(), WorkerProcess::State::busy);
    EXPECT_EQ(harness.worker().send(k_job, {}).error().code, schema::ErrorCode::conflict);
    const auto* reply = harness.wait_for<WorkerReply>();
    ASSERT_NE(reply, nullptr);
    EXPECT_EQ(reply->body["x"], 1);
    EXPECT_GT(reply->resident_bytes, 0);
    EXPECT_EQ(harness.worker().jobs_answered(), i);
  }
}

TEST(WorkerProcessTest, TakesAFewJobsAhead) {
  auto options = script("for id in 1 2 3; do read line; echo \"{\\\"id\\\": $id}\"; done; read line; kill -ABRT $$");
  options.max_jobs = 4;
  WorkerHarness harness(std::move(options));
  ASSERT_NE(harness.wait_for<WorkerReady>(), nullptr);
  for (int id = 1; id <= 4; ++id) {
    EXPECT_EQ(harness.worker().room(), 5 - id);
    ASSERT_TRUE(harness.worker().send({{"id", id}}, {}));
  }
  EXPECT_EQ(harness.worker().room(), 0);
  EXPECT_EQ(harness.worker().send({{"id", 5}}, {}).error().code, schema::ErrorCode::conflict);
  for (int id = 1; id <= 3; ++id) {
    const auto* reply = harness.wait_for<WorkerReply>();
    ASSERT_NE(reply, nullptr);
    EXPECT_EQ(reply->body["id"], id);
  }
  const auto* ended = harness.wait_for<WorkerEnded>();
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->job, 4);
  EXPECT_TRUE(ended->delivered);
}

TEST(WorkerProcessTest, SendsAJobThatIsLargerThanThePipe) {
  auto job = k_job;
  job["padding"] = std::string(3 << 20, 'x');
  WorkerHarness harness(script("read line; echo \"{\\\"id\\\": 5, \\\"length\\\": ${#line}}\"; read line"));
  ASSERT_NE(harness.wait_for<WorkerReady>(), nullptr);
  ASSERT_TRUE(harness.worker().send(job, {}));
  const auto* reply = harness.wait_for<WorkerReply>();
  ASSERT_NE(reply, nullptr);
  EXPECT_EQ(reply->body["length"], job.dump().size());
}

TEST(WorkerProcessTest, ReportsASignal) {
  const auto ended = end_of(script("read line; echo 'about to fall' >&2; kill -SEGV $$"));
  EXPECT_EQ(ended.status.signal, SIGSEGV);
  EXPECT_FALSE(ended.killed);
  EXPECT_EQ(ended.job, 5);
  EXPECT_TRUE(ended.delivered);
  EXPECT_EQ(ended.explanation, "ended with signal 11 (SIGSEGV)");
  EXPECT_EQ(ended.log_tail, "about to fall\n");
}

TEST(WorkerProcessTest, ReportsAnExitInTheMiddle) {
  const auto ended = end_of(script("read line; exit 0"));
  EXPECT_EQ(ended.status.code, 0);
  EXPECT_FALSE(ended.killed);
  EXPECT_EQ(ended.job, 5);
}

TEST(WorkerProcessTest, ReportsHalfALine) {
  const auto ended = end_of(script("read line; printf '{\"id\": 5'; exit 0"));
  EXPECT_EQ(ended.explanation, "ended with exit status 0 in the middle of a line");
  EXPECT_EQ(ended.job, 5);
}

TEST(WorkerProcessTest, TakesAnAnswerThatCameBeforeTheEnd) {
  WorkerHarness harness(script("read line; echo '{\"id\": 5}'; kill -ABRT $$"));
  ASSERT_NE(harness.wait_for<WorkerReady>(), nullptr);
  ASSERT_TRUE(harness.worker().send(k_job, {}));
  EXPECT_NE(harness.wait_for<WorkerReply>(), nullptr);
  const auto* ended = harness.wait_for<WorkerEnded>();
  ASSERT_NE(ended, nullptr);
  EXPECT_FALSE(ended->during_job);
  EXPECT_EQ(ended->status.signal, SIGABRT);
}

TEST(WorkerProcessTest, BlamesNoJobThatTheWorkerNeverSaw) {
  // Nobody reads the pipe any more, as when a worker dies between two jobs.
  bool closed = false;
  auto options = script("exec 0<&-; echo closed >&2; sleep 1000");
  options.log = [&](std::string_view) { closed = true; };
  WorkerHarness harness(std::move(options));
  ASSERT_NE(harness.wait_for<WorkerReady>(), nullptr);
  while (!closed) harness.poller().wait(seconds(1));
  ASSERT_TRUE(harness.worker().send(k_job, {.time = milliseconds(100)}));
  const auto* ended = harness.wait_for<WorkerEnded>();
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->job, 5);
  EXPECT_FALSE(ended->delivered);
}

TEST(WorkerProcessTest, EndsAJobThatTakesTooLong) {
  const auto ended = end_of(script("read line; sleep 1000"), {.time = milliseconds(100)});
  EXPECT_EQ(ended.killed, KillReason::timeout);
  EXPECT_EQ(ended.explanation, "took longer than 0.1 s");
  EXPECT_EQ(ended.job, 5);
}

TEST(WorkerProcessTest, EndsAJobThatTakesTooMuchMemory) {
  const auto ended =
      end_of(script("read line; exec awk 'BEGIN { while (1) a[i++] = i }'"), {.resident_bytes = 20 << 20});
  EXPECT_EQ(ended.killed, KillReason::memory);
  EXPECT_THAT(ended.explanation, HasSubstr("MiB of memory, 20 MiB are allowed"));
}

TEST(WorkerProcessTest, EndsAWorkerThatWritesGarbage) {
  const auto ended = end_of(script("read line; echo 'Segmentation fault?'; sleep 1000"));
  EXPECT_EQ(ended.killed, KillReason::garbage);
  EXPECT_EQ(ended.explanation, "wrote something that is not JSON: Segmentation fault?");
  EXPECT_EQ(ended.job, 5);
}

TEST(WorkerProcessTest, EndsAWorkerThatAnswersAnotherJob) {
  for (const std::string answer : {R"({"id": 6})", R"({"id": "5"})", R"({})", "[]", "5", "null"}) {
    const auto ended = end_of(script(fmt::format("read line; echo '{}'; sleep 1000", answer)));
    EXPECT_EQ(ended.killed, KillReason::garbage) << answer;
    EXPECT_THAT(ended.explanation, StartsWith("answered what it was not asked")) << answer;
  }
}

TEST(WorkerProcessTest, EndsAWorkerThatAnswersTwice) {
  WorkerHarness harness(script("read line; echo '{\"id\": 5}'; echo '{\"id\": 5}'; sleep 1000"));
  ASSERT_NE(harness.wait_for<WorkerReady>(), nullptr);
  ASSERT_TRUE(harness.worker().send(k_job, {}));
  EXPECT_NE(harness.wait_for<WorkerReply>(), nullptr);
  const auto* ended = harness.wait_for<WorkerEnded>();
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->killed, KillReason::garbage);
  EXPECT_FALSE(ended->during_job);
}

TEST(WorkerProcessTest, EndsAWorkerThatFloods) {
  auto options = script("read line; tr '\\0' x < /dev/zero");
  options.max_line_bytes = 100'000;
  const auto ended = end_of(std::move(options));
  EXPECT_EQ(ended.killed, KillReason::garbage);
  EXPECT_EQ(ended.explanation, "wrote a line of more than 100000 bytes");
}

TEST(WorkerProcessTest, EndsAWorkerThatClosesItsOutput) {
  const auto ended = end_of(script("read line; exec 1>&-; sleep 1000"));
  EXPECT_EQ(ended.killed, KillReason::garbage);
  EXPECT_EQ(ended.explanation, "closed its output");
}

TEST(WorkerProcessTest, IsNotHeldUpByAGrandchildWithThePipe) {
  const auto ended = end_of(script("read line; sleep 1000 & kill -ABRT $$"));
  EXPECT_EQ(ended.status.signal, SIGABRT);
  EXPECT_FALSE(ended.killed);
}

TEST(WorkerProcessTest, TellsAKillFromOutsideFromItsOwn) {
  WorkerHarness harness(script("read line; sleep 1000"));
  ASSERT_NE(harness.wait_for<WorkerReady>(), nullptr);
  ASSERT_TRUE(harness.worker().send(k_job, {}));
  ::kill(harness.worker().pid(), SIGKILL);
  const auto* ended = harness.wait_for<WorkerEnded>();
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->status.signal, SIGKILL);
  EXPECT_FALSE(ended->killed);
}

TEST(WorkerProcessTest, GivesUpOnAWorkerThatDoesNotSayHello) {
  auto options = script("");
  options.command.argv = {"/bin/sh", "-c", "echo 'no compiler here' >&2; sleep 1000"};
  options.start_limit = milliseconds(100);
  WorkerHarness harness(std::move(options));
  const auto* ended = harness.wait_for<WorkerEnded>();
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->killed, KillReason::silence);
  EXPECT_EQ(ended->explanation, "did not start within 0.1 s");
  EXPECT_EQ(ended->log_tail, "no compiler here\n");
}

TEST(WorkerProcessTest, RefusesAWorkerOfAnotherVersionOrKind) {
  auto other_version = script("sleep 1000");
  other_version.command.argv[2] = R"(echo '{"type": "hello", "worker": "compile", "version": "0"}'; sleep 1000)";
  auto other_kind = script("sleep 1000");
  other_kind.kind = "measure";
  for (auto* options : {&other_version, &other_kind}) {
    WorkerHarness harness(std::move(*options));
    const auto* ended = harness.wait_for<WorkerEnded>();
    ASSERT_NE(ended, nullptr);
    EXPECT_EQ(ended->killed, KillReason::garbage);
    EXPECT_THAT(ended->explanation, StartsWith("is a compile worker of moetune"));
  }
}

TEST(WorkerProcessTest, StopsPolitely) {
  WorkerHarness harness(script("read line; exit 7"));
  ASSERT_NE(harness.wait_for<WorkerReady>(), nullptr);
  harness.worker().stop();
  const auto* ended = harness.wait_for<WorkerEnded>();
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->killed, KillReason::stop);
  EXPECT_EQ(ended->status.code, 7) << "end of file was enough";
}

TEST(WorkerProcessTest, StopsWithSigtermAndThenWithSigkill) {
  WorkerHarness deaf(script("sleep 1000"));
  WorkerHarness stubborn(script("trap '' TERM; while :; do sleep 1000; done"));
  for (auto* harness : {&deaf, &stubborn}) ASSERT_NE(harness->wait_for<WorkerReady>(), nullptr);
  for (auto* harness : {&deaf, &stubborn}) harness->worker().stop();
  EXPECT_EQ(deaf.wait_for<WorkerEnded>()->status.signal, SIGTERM);
  EXPECT_EQ(stubborn.wait_for<WorkerEnded>()->status.signal, SIGKILL);
}

TEST(WorkerProcessTest, KeepsOnlyTheEndOfALongLog) {
  auto options = script("read line; seq 1 200000 >&2; exit 1");
  options.log_tail_bytes = 1000;
  std::size_t logged = 0;
  options.log = [&](std::string_view) { ++logged; };
  const auto ended = end_of(std::move(options));
  EXPECT_EQ(logged, 200'000);
  EXPECT_LE(ended.log_tail.size(), 1000);
  EXPECT_THAT(ended.log_tail, ::testing::EndsWith("199999\n200000\n"));
}

TEST(PollerTest, IsWokenByAnotherThread) {
  auto poller = Poller::create().value();
  std::jthread waker([&] { poller.wake(); });
  const auto begin = std::chrono::steady_clock::now();
  poller.wait(seconds(30));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(20));
}

TEST(PollerTest, RunsOutOfPatience) {
  auto poller = Poller::create().value();
  const auto begin = std::chrono::steady_clock::now();
  poller.wait(milliseconds(20));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(20));
}

}  // namespace
}  // namespace moetune::daemon
