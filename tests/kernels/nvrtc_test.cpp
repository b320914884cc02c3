#include "kernels/nvrtc.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace moetune::kernels {
namespace {

TEST(NvrtcTest, AMissingLibraryIsUnavailable) {
  const auto nvrtc = Nvrtc::open(std::filesystem::path("/nonexistent/libnvrtc.so"));
  ASSERT_FALSE(nvrtc);
  EXPECT_EQ(nvrtc.error().code, schema::ErrorCode::unavailable);
  EXPECT_NE(nvrtc.error().message.find("/nonexistent/libnvrtc.so"), std::string::npos);
}

TEST(NvrtcTest, ALibraryThatIsNotNvrtcIsUnavailable) {
  const auto nvrtc = Nvrtc::open(std::filesystem::path("libm.so.6"));
  ASSERT_FALSE(nvrtc);
  EXPECT_EQ(nvrtc.error().code, schema::ErrorCode::unavailable);
}

class InstalledNvrtcTest : public testing::Test {
 protected:
  void SetUp() override {
    auto nvrtc = Nvrtc::open();
    if (!nvrtc) GTEST_SKIP() << nvrtc.error().message;
    nvrtc_ = std::move(*nvrtc);
  }
  CompileOutcome compile(const std::string& source) const {
    return nvrtc_->compile({.name = "test.cu", .source = source, .headers = {}, .options = {}, .arch = "sm_80"})
        .value();
  }
  std::optional<Nvrtc> nvrtc_;
};

TEST_F(InstalledNvrtcTest, TellsVersionAndPlace) {
  EXPECT_GE(nvrtc_->version(), (Nvrtc::Version{12, 0}));
  EXPECT_EQ(nvrtc_->compiler_text().rfind("nvrtc 1", 0), 0u) << nvrtc_->compiler_text();
  EXPECT_NE(nvrtc_->library().find("nvrtc"), std::string::npos);
  const auto archs = nvrtc_->architectures().value();
  EXPECT_TRUE(std::ranges::binary_search(archs, 90));
}

TEST_F(InstalledNvrtcTest, GivesMachineCodeAndPtx) {
  const auto outcome = compile("extern \"C\" __global__ void f(int* p) { *p = 1; }");
  ASSERT_EQ(outcome.status, CompileStatus::ok) << outcome.log;
  ASSERT_GT(outcome.cubin.size(), 4u);
  EXPECT_EQ(outcome.cubin[1], std::byte{'E'});
  EXPECT_NE(outcome.ptx.find(".entry f"), std::string::npos);
}

TEST_F(InstalledNvrtcTest, ARefusedSourceIsAResultWithTheLog) {
  const auto outcome = compile("extern \"C\" __global__ void f(int* p) { *p = nothing; }");
  EXPECT_EQ(outcome.status, CompileStatus::compile_error);
  EXPECT_TRUE(outcome.cubin.empty());
  EXPECT_NE(outcome.log.find("nothing"), std::string::npos) << outcome.log;
}

TEST_F(InstalledNvrtcTest, TooMuchSharedMemoryIsOutOfResources) {
  const auto outcome = compile(
      "extern \"C\" __global__ void f(int* p) { __shared__ int s[100000]; s[threadIdx.x] = *p; __syncthreads(); "
      "*p = s[*p]; }");
  EXPECT_EQ(outcome.status, CompileStatus::out_of_resources) << outcome.log;
}

TEST_F(InstalledNvrtcTest, AnUnknownArchitectureIsACompileFailure) {
  const auto outcome =
      nvrtc_->compile({.name = "t.cu", .source = "", .headers = {}, .options = {}, .arch = "sm_1"}).value();
  EXPECT_NE(outcome.status, CompileStatus::ok);
  EXPECT_FALSE(outcome.log.empty());
}

TEST_F(InstalledNvrtcTest, SourcesIncludeHeadersByName) {
  const auto outcome =
      nvrtc_
          ->compile({.name = "t.cu",
                     .source = "#include \"one.cuh\"\nextern \"C\" __global__ void f(int* p) { *p = k_one; }",
                     .headers = {{"one.cuh", "constexpr int k_one = 1;"}},
                     .options = {"--std=c++17"},
                     .arch = "sm_80"})
          .value();
  EXPECT_EQ(outcome.status, CompileStatus::ok) << outcome.log;
}

}  // namespace
}  // namespace moetune::kernels
