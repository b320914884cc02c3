#include "kernels/gemm_loader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/compile_plan.hpp"
#include "tests/kernels/sample_trial.hpp"

namespace moetune::kernels {
namespace {

using ::testing::HasSubstr;
using testing::sample_config;
using testing::sample_problem;

/// Why an artifact is not loaded: what is asked before the driver is.
std::string refusal(const Artifact& artifact) {
  constexpr std::int64_t k_no_shared = -1;  // what gets that far is refused for its shared memory
  const auto loaded = load_gemm(artifact, sample_problem(), sample_config(), "sm_90a", k_no_shared);
  return loaded ? "" : loaded.error().message;
}

TEST(GemmLoaderTest, ACudaArtifactIsOfItsWholeTile) {
  CompileJob job;
  job.arch = "sm_90a";
  job.problem = sample_problem();
  job.config = sample_config();
  Artifact artifact;
  artifact.parts = artifact_parts(job, "nvrtc 13.0").value();
  EXPECT_THAT(refusal(artifact), HasSubstr("shared memory"));
  for (const char* name : {"BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K", "NUM_WARPS", "NUM_STAGES"}) {
    Artifact other = artifact;
    ASSERT_TRUE(other.parts.options["defines"].contains(name));
    other.parts.options["defines"][name] = "1";
    EXPECT_THAT(refusal(other), HasSubstr(std::string("compiled with ") + name + " 1, its GEMM is to run with"))
        << name;
  }
}

TEST(GemmLoaderTest, ATritonArtifactIsOfTheTileThatItsGridFollows) {
  Artifact artifact;
  artifact.info.launch = {{"name", "fused_moe_kernel"},
                          {"num_warps", 4},
                          {"num_ctas", 1},
                          {"global_scratch_bytes", 0},
                          {"global_scratch_align", 1},
                          {"profile_scratch_bytes", 0},
                          {"profile_scratch_align", 1},
                          {"parameters", {{{"name", "a_ptr"}, {"type", "*bf16"}}}}};
  // Most engines clamp BLOCK_SIZE_K, SGLang does not; a scan has no constant GROUP_SIZE_M.
  artifact.parts.options = {{"constants", {{"BLOCK_SIZE_M", 16}, {"BLOCK_SIZE_N", 128}, {"BLOCK_SIZE_K", 64}}}};
  EXPECT_THAT(refusal(artifact), HasSubstr("shared memory"));
  for (const char* name : {"BLOCK_SIZE_M", "BLOCK_SIZE_N"}) {
    Artifact other = artifact;
    other.parts.options["constants"][name] = 256;
    EXPECT_THAT(refusal(other), HasSubstr(std::string("compiled with ") + name + " 256, its GEMM is to run with"))
        << name;
  }
}

}  // namespace
}  // namespace moetune::kernels
