#include "kernels/cuda_driver.hpp"

#include <gtest/gtest.h>

namespace moetune::kernels {
namespace {

TEST(CudaDriverTest, AMachineWithoutADriverGetsAReasonNotACrash) {
  if (open_cuda_driver()) GTEST_SKIP() << "this machine has an NVIDIA driver";
  const auto context = Context::open(0);
  ASSERT_FALSE(context);
  EXPECT_EQ(context.error().code, ErrorCode::unavailable);
  EXPECT_NE(context.error().message.find("NVIDIA driver"), std::string::npos) << context.error().message;
  EXPECT_FALSE(device_count());
  EXPECT_FALSE(cuda_driver_version());
  EXPECT_FALSE(DeviceBuffer::allocate(16));
  EXPECT_FALSE(Module::load({}));
}

TEST(CudaDriverTest, ErrorsTellWhetherTheContextSurvives) {
  const Error plain{ErrorCode::internal, "x", nullptr};
  EXPECT_FALSE(is_sticky(plain));
  EXPECT_FALSE(is_out_of_resources(plain));
  EXPECT_EQ(cuda_error_name(plain), "");
  const Error sticky{ErrorCode::internal, "x", {{"cuda_error", "CUDA_ERROR_ILLEGAL_ADDRESS"}, {"sticky", true}}};
  EXPECT_TRUE(is_sticky(sticky));
  EXPECT_EQ(cuda_error_name(sticky), "CUDA_ERROR_ILLEGAL_ADDRESS");
}

}  // namespace
}  // namespace moetune::kernels
