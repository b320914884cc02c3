#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "kernels/cuda_driver.hpp"
#include "kernels/nvrtc.hpp"
#include "tests/kernels/moe_workbench.hpp"

namespace moetune::kernels {

/// Base of the tests that need a GPU and NVRTC; on a machine without them every test is skipped and says why.
class GpuTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    reason_.clear();
    auto context = Context::open(0);
    if (!context) {
      reason_ = context.error().message;
      return;
    }
    auto nvrtc = Nvrtc::open();
    if (!nvrtc) {
      reason_ = nvrtc.error().message;
      return;
    }
    context_.emplace(std::move(*context));
    nvrtc_.emplace(std::move(*nvrtc));
  }
  static void TearDownTestSuite() {
    nvrtc_.reset();
    context_.reset();
  }
  void SetUp() override {
    if (!context_) GTEST_SKIP() << "no GPU to test on: " << reason_;
  }
  static std::string arch() { return arch_of(context_->device().cc_major, context_->device().cc_minor); }

  static inline std::optional<Context> context_;
  static inline std::optional<Nvrtc> nvrtc_;
  static inline std::string reason_;
};

}  // namespace moetune::kernels
