#include "kernels/compile_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/sample_jobs.hpp"

namespace moetune::kernels {
namespace {

using testing::small_job;

ArtifactKey key_of(const CompileJob& job) {
  return ArtifactKey::of(artifact_parts(job, "nvrtc 13.0").value());
}

TEST(CompilePlanTest, OneKernelServesEveryGroupSizeShapeAndJob) {
  auto other = small_job(2, "elsewhere");
  other.config.group_size_m = 64;
  other.problem.num_experts = 8;
  other.problem.hidden_size = 4096;
  other.problem.intermediate_size = 1024;
  other.problem.topk = 2;
  EXPECT_EQ(key_of(other), key_of(small_job(1, "here")));
}

TEST(CompilePlanTest, EverythingElseMakesAnotherKernel) {
  const auto changed = [](auto change) {
    auto job = small_job(1, "");
    change(job);
    return key_of(job) != key_of(small_job(1, ""));
  };
  EXPECT_TRUE(changed([](auto& job) { job.arch = "sm_80"; }));
  EXPECT_TRUE(changed([](auto& job) { job.unit = Unit::step; }));
  EXPECT_TRUE(changed([](auto& job) { job.config.block_size_m = 32; }));
  EXPECT_TRUE(changed([](auto& job) { job.config.block_size_n = 64; }));
  EXPECT_TRUE(changed([](auto& job) { job.config.block_size_k = 32; }));
  EXPECT_TRUE(changed([](auto& job) { job.config.num_warps = 8; }));
  EXPECT_TRUE(changed([](auto& job) { job.config.num_stages = 3; }));
  EXPECT_TRUE(changed([](auto& job) { job.problem.act_dtype = schema::ActDtype::float16; }));
  EXPECT_TRUE(changed([](auto& job) {
    job.problem.dtype = schema::Dtype::none;
    job.problem.block_shape.reset();
  }));
}

TEST(CompilePlanTest, TheStepDependsOnTheArchitectureAlone) {
  auto one = small_job(1, "");
  auto two = small_job(2, "");
  one.unit = two.unit = Unit::step;
  two.config.block_size_m = 256;
  two.problem.act_dtype = schema::ActDtype::float16;
  EXPECT_EQ(key_of(one), key_of(two));
}

TEST(CompilePlanTest, ShowsTheConstantsThatTheKernelIsCompiledWith) {
  const auto parts = artifact_parts(small_job(1, ""), "nvrtc 13.0").value();
  EXPECT_EQ(parts.compiler, "nvrtc 13.0");
  EXPECT_EQ(parts.arch, "sm_90a");
  EXPECT_EQ(parts.options["defines"]["BLOCK_SIZE_M"], "16");
  EXPECT_EQ(parts.options["defines"]["NUM_STAGES"], "2");
}

TEST(CompilePlanTest, RefusesATileThatTheKernelDoesNotHave) {
  auto job = small_job(1, "");
  job.config.block_size_m = 1;
  EXPECT_THAT(plan_compile(job).error().message, ::testing::HasSubstr("BLOCK_SIZE_M"));
}

}  // namespace
}  // namespace moetune::kernels
