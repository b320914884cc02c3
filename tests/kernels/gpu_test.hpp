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
    auto opened = Context::open(0);
    auto compiler = Nvrtc::open();
    if (!opened || !compiler) {
      shared().reason = (opened ? compiler.error() : opened.error()).message;
      return;
    }
    shared().context.emplace(std::move(*opened));
    shared().nvrtc.emplace(std::move(*compiler));
  }
  static void TearDownTestSuite() { shared() = {}; }
  void SetUp() override {
    if (!shared().context) GTEST_SKIP() << "no GPU to test on: " << shared().reason;
  }

  static const Context& context() { return *shared().context; }
  static const Nvrtc& nvrtc() { return *shared().nvrtc; }
  static std::string arch() { return arch_of(context().device().cc_major, context().device().cc_minor); }

 private:
  struct Shared {
    std::optional<Context> context;
    std::optional<Nvrtc> nvrtc;
    std::string reason;
  };
  static Shared& shared() {
    static Shared one;
    return one;
  }
};

}  // namespace moetune::kernels
