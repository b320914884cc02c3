#include "kernels/clock_meter.hpp"

#include <gtest/gtest.h>

#include <iostream>

#include "kernels/artifact_file.hpp"
#include "kernels/cuda_kernel.hpp"
#include "kernels/nvml.hpp"
#include "tests/kernels/artifact_maker.hpp"
#include "tests/kernels/temp_file.hpp"

namespace moetune::kernels {
namespace {

TEST(ClockMeterGpuTest, AgreesWithTheDriverOnSteadyWork) {
  const auto context = Context::open(0);
  if (!context) GTEST_SKIP() << "no GPU to measure on: " << context.error().message;
  const auto& info = context->device();
  const testing::TempFolder folder;
  const auto maker = testing::ArtifactMaker::create(folder.path(), arch_of(info.cc_major, info.cc_minor));
  if (!maker) GTEST_SKIP() << maker.error().message;
  const std::string code = read_artifact(maker->step().value()).value().cubin;
  const auto step = StepKernels::load(std::as_bytes(std::span(code))).value();
  const auto stream = Stream::create().value();
  const auto buffer = DeviceBuffer::allocate(64 << 20).value();
  const auto meter = ClockMeter::create(step, stream, info.sm_count).value();

  std::optional<std::int64_t> mhz;
  for (int round = 0; round < 2; ++round) {  // the first wakes the GPU up
    ASSERT_TRUE(meter.reset());
    ASSERT_TRUE(meter.begin());
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(step.random_values(stream, Operand::bfloat16, buffer.address(), 32 << 20, 1, 1));
    }
    ASSERT_TRUE(meter.end());
    mhz = meter.mhz().value();
  }
  ASSERT_TRUE(mhz);
  const auto nvml = Nvml::open();
  if (!nvml) GTEST_SKIP() << "nothing to compare " << *mhz << " MHz with: " << nvml.error().message;
  const auto reported = nvml->device(info.uuid).value().sm_clock_mhz();
  std::cout << "measured " << *mhz << " MHz, reported " << reported.value_or(0) << " MHz\n";
  ASSERT_TRUE(reported);
  EXPECT_NEAR(static_cast<double>(*mhz), static_cast<double>(*reported), 0.05 * static_cast<double>(*reported));
}

}  // namespace
}  // namespace moetune::kernels
