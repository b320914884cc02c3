#include "kernels/compile_worker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/artifact_file.hpp"
#include "kernels/atomic_file.hpp"
#include "kernels/cuda_kernel.hpp"
#include "tests/kernels/sample_jobs.hpp"
#include "tests/kernels/temp_file.hpp"

namespace moetune::kernels {
namespace {

using schema::TrialStatus;
using ::testing::HasSubstr;
using testing::small_job;
using testing::TempFolder;

class CompileWorkerTest : public ::testing::Test {
 protected:
  CompileReply run(const CompileJob& job) const {
    const auto reply = worker_.run(job);
    EXPECT_TRUE(reply) << reply.error().message;
    return reply.value_or(CompileReply());
  }

  TempFolder folder_;
  std::filesystem::path output_ = folder_.path() / "kernel.cubin";
  CompileWorker worker_ = CompileWorker::create().value();
};

TEST_F(CompileWorkerTest, NamesItsCompilerAndSource) {
  const auto hello = worker_.hello();
  EXPECT_EQ(hello.worker, "compile");
  EXPECT_EQ(hello.version, MOETUNE_VERSION);
  EXPECT_THAT(hello.compiler, ::testing::StartsWith("nvrtc "));
  EXPECT_EQ(hello.kernel_digest, kernel_digest());
}

TEST_F(CompileWorkerTest, WritesMachineCodeAndItsNeeds) {
  const auto reply = run(small_job(7, output_));
  EXPECT_EQ(reply.id, 7);
  EXPECT_EQ(reply.status, TrialStatus::ok) << reply.log_tail;
  EXPECT_GT(reply.registers, 0);
  EXPECT_GT(reply.shared_bytes, 0);
  EXPECT_GT(reply.seconds, 0);
  const auto cubin = read_file(output_, 1 << 24).value();
  EXPECT_EQ(reply.cubin_bytes, std::ssize(cubin));
  EXPECT_THAT(cubin, ::testing::StartsWith("\x7f"
                                           "ELF"));
}

TEST_F(CompileWorkerTest, CompilesTheRestOfTheStep) {
  auto job = small_job(1, output_);
  job.unit = Unit::step;
  EXPECT_EQ(run(job).status, TrialStatus::ok);
  EXPECT_TRUE(std::filesystem::exists(output_));
}

TEST_F(CompileWorkerTest, CompilesNothingThatCannotFit) {
  auto job = small_job(1, output_);
  job.config = {.block_size_m = 256, .block_size_n = 256, .block_size_k = 128, .num_warps = 8, .num_stages = 5};
  const auto reply = run(job);
  EXPECT_EQ(reply.status, TrialStatus::out_of_resources);
  EXPECT_THAT(reply.log_tail, HasSubstr("bytes of shared memory"));
  EXPECT_EQ(reply.seconds, 0);
  EXPECT_FALSE(std::filesystem::exists(output_));
}

TEST_F(CompileWorkerTest, TellsWhatTheCompilerRefuses) {
  auto job = small_job(1, output_);
  job.arch = "sm_12345";
  const auto reply = run(job);
  EXPECT_EQ(reply.status, TrialStatus::compile_error);
  EXPECT_THAT(reply.log_tail, HasSubstr("arch"));
  EXPECT_FALSE(std::filesystem::exists(output_));
}

TEST_F(CompileWorkerTest, RefusesATileThatTheKernelDoesNotHave) {
  auto job = small_job(1, output_);
  job.config.block_size_n = 8;
  const auto reply = run(job);
  EXPECT_EQ(reply.status, TrialStatus::compile_error);
  EXPECT_THAT(reply.log_tail, HasSubstr("BLOCK_SIZE_N"));
}

TEST_F(CompileWorkerTest, SaysWhenTheOutputCannotBeWritten) {
  const auto reply = run(small_job(1, folder_.path() / "none" / "kernel.cubin"));
  EXPECT_EQ(reply.status, TrialStatus::ok);
  ASSERT_TRUE(reply.not_written);
  EXPECT_THAT(*reply.not_written, HasSubstr((folder_.path() / "none" / "kernel.cubin").string()));
}

}  // namespace
}  // namespace moetune::kernels
