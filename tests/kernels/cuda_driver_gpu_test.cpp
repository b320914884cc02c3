#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

#include "kernels/cuda_driver.hpp"
#include "tests/kernels/gpu_test.hpp"

namespace moetune::kernels {
namespace {

class CudaDriverGpuTest : public GpuTest {
 protected:
  static Module compile(const std::string& source) {
    const auto outcome =
        must(nvrtc().compile({.name = "t.cu", .source = source, .headers = {}, .options = {}, .arch = arch()}));
    EXPECT_EQ(outcome.status, CompileStatus::ok) << outcome.log;
    return must(Module::load(outcome.cubin));
  }
  static int read(const DeviceBuffer& buffer) {
    std::array<std::byte, 4> bytes{};
    must(buffer.download(bytes));
    int value = 0;
    std::memcpy(&value, bytes.data(), 4);
    return value;
  }
};

TEST_F(CudaDriverGpuTest, TellsWhatTheDeviceIs) {
  const auto& device = context().device();
  EXPECT_FALSE(device.name.empty());
  EXPECT_EQ(device.uuid.size(), 40u) << device.uuid;
  EXPECT_GE(device.cc_major, 7);
  EXPECT_GT(device.sm_count, 0);
  EXPECT_GT(device.l2_bytes, 0);
  EXPECT_GE(device.shared_optin_bytes, 48 * 1024);
  const auto memory = must(context().memory());
  EXPECT_GT(memory.free, 0);
  EXPECT_LE(memory.free, memory.total);
  EXPECT_GE(must(cuda_driver_version()), 12000);
  EXPECT_GE(must(device_count()), 1);
  EXPECT_FALSE(device_info(1000));
}

TEST_F(CudaDriverGpuTest, AGraphReplaysItsLaunches) {
  const auto module = compile("extern \"C\" __global__ void add(int* p, int value) { *p += value; }");
  const auto function = must(module.function("add"));
  const auto stream = must(Stream::create());
  const auto buffer = must(DeviceBuffer::allocate(4));
  must(buffer.fill(0, stream));
  auto address = buffer.address();
  int value = 3;
  void* arguments[] = {&address, &value};
  const auto graph = must(GraphExec::capture(stream, [&]() -> Result<void> {
    for (int i = 0; i < 5; ++i) {
      if (auto ok = function.launch({}, stream, arguments); !ok) return ok;
    }
    return {};
  }));
  must(graph.upload(stream));
  const auto begin = must(Event::create()), end = must(Event::create());
  must(begin.record(stream));
  for (int i = 0; i < 4; ++i) must(graph.launch(stream));
  must(end.record(stream));
  must(end.synchronize());
  EXPECT_TRUE(must(end.done()));
  EXPECT_GT(must(Event::elapsed_us(begin, end)), 0.0);
  EXPECT_EQ(read(buffer), 4 * 5 * 3);
}

TEST_F(CudaDriverGpuTest, AnErrorWhileCapturingEndsTheCapture) {
  const auto stream = must(Stream::create());
  const auto failed =
      GraphExec::capture(stream, []() -> Result<void> { return schema::fail(ErrorCode::conflict, "not today"); });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "not today");
  must(stream.synchronize());
}

TEST_F(CudaDriverGpuTest, TooMuchSharedMemoryOrMemoryIsNotSticky) {
  const auto module = compile("extern \"C\" __global__ void f(int* p) { *p = 1; }");
  const auto function = must(module.function("f"));
  const auto refused = function.allow_shared(static_cast<unsigned>(context().device().shared_optin_bytes) + 1024);
  ASSERT_FALSE(refused);
  EXPECT_FALSE(is_sticky(refused.error()));
  const auto memory = DeviceBuffer::allocate(std::size_t{1} << 50);
  ASSERT_FALSE(memory);
  EXPECT_TRUE(is_out_of_resources(memory.error()));
  EXPECT_EQ(memory.error().code, ErrorCode::unavailable);
  must(context().synchronize());
}

TEST_F(CudaDriverGpuTest, AMissingKernelIsNotFound) {
  const auto module = compile("extern \"C\" __global__ void f(int* p) { *p = 1; }");
  const auto missing = module.function("g");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}

// The context is lost afterwards: in a process of its own.
TEST_F(CudaDriverGpuTest, AnIllegalAddressIsSticky) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto die = [] {
    const auto module = compile("extern \"C\" __global__ void f(int* p) { *p = 1; }");
    const auto function = must(module.function("f"));
    const auto stream = must(Stream::create());
    DeviceAddress nowhere = 64;
    void* arguments[] = {&nowhere};
    must(function.launch({}, stream, arguments));
    const auto failed = stream.synchronize();
    const bool marked = !failed && is_sticky(failed.error()) && !DeviceBuffer::allocate(16);
    std::_Exit(marked ? 3 : 4);
  };
  EXPECT_EXIT(die(), testing::ExitedWithCode(3), "");
}

}  // namespace
}  // namespace moetune::kernels
