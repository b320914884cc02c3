#include "kernels/probe.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/cuda_driver.hpp"
#include "kernels/cuda_kernel.hpp"
#include "kernels/device_memory.hpp"
#include "kernels/nvml.hpp"
#include "kernels/nvrtc.hpp"
#include "schema/device_name.hpp"

namespace moetune::kernels {

namespace {

GpuFacts facts_of(int index, const DeviceInfo& info) {
  return {.index = index,
          .name = schema::device_from_driver(info.name),
          .raw_name = info.name,
          .uuid = info.uuid,
          .arch = fmt::format("sm_{}{}", info.cc_major, info.cc_minor),
          .compile_arch = arch_of(info.cc_major, info.cc_minor),
          .sm_count = info.sm_count,
          .l2_bytes = info.l2_bytes,
          .shared_optin_bytes = info.shared_optin_bytes,
          .memory_bytes = info.total_memory,
          .memory_free_bytes = std::nullopt,
          .integrated = info.integrated,
          .other_processes = 0};
}

void add_gpus(DeviceFacts& facts) {
  const auto count = device_count();
  if (!count || *count == 0) {
    facts.lacks.push_back({count ? "the NVIDIA driver sees no GPU" : count.error().message,
                           "check `nvidia-smi` and CUDA_VISIBLE_DEVICES; start a container with --gpus all"});
    return;
  }
  for (int index = 0; index < *count; ++index) {
    const auto info = device_info(index);
    if (info) {
      facts.gpus.push_back(facts_of(index, *info));
    } else {
      facts.lacks.push_back({fmt::format("GPU {} does not answer: {}", index, info.error().message),
                             "check `nvidia-smi` and the kernel's log"});
    }
  }
}

void add_driver(DeviceFacts& facts) {
  if (auto opened = open_cuda_driver(); !opened) {
    facts.lacks.push_back(
        {opened.error().message,
         "nothing can be measured here: install NVIDIA's driver (525 or newer), or start the container "
         "with --gpus all; a recording can be tuned from without a GPU"});
    return;
  }
  facts.has_cuda = true;
  if (const auto version = cuda_driver_version()) {
    facts.cuda_version = fmt::format("{}.{}", *version / 1000, *version % 1000 / 10);
  }
  add_gpus(facts);
}

void add_nvml(DeviceFacts& facts) {
  const auto nvml = Nvml::open();
  if (!nvml) {
    if (facts.has_cuda) {
      facts.lacks.push_back({nvml.error().message,
                             "clocks, throttling and other processes go unnoticed: install the driver's management "
                             "library, or give the container NVIDIA_DRIVER_CAPABILITIES=compute,utility"});
    }
    return;
  }
  facts.has_nvml = true;
  facts.driver_version = nvml->driver_version();
  for (GpuFacts& gpu : facts.gpus) {
    const auto device = nvml->device(gpu.uuid);
    if (!device) continue;
    gpu.memory_free_bytes = device->free_memory();
    gpu.other_processes = static_cast<std::int64_t>(device->compute_processes().size());
  }
}

void add_free_memory_of_integrated(DeviceFacts& facts) {
  for (GpuFacts& gpu : facts.gpus) {
    if (gpu.integrated) gpu.memory_free_bytes = host_available_bytes();
  }
}

void add_nvrtc(DeviceFacts& facts) {
  const auto nvrtc = Nvrtc::open();
  if (!nvrtc) {
    facts.lacks.push_back({nvrtc.error().message,
                           "the kernel cuda cannot be compiled: run `make setup`, install the CUDA Toolkit (12.4 or "
                           "newer), or name the library in MOETUNE_NVRTC"});
    return;
  }
  facts.nvrtc = nvrtc->compiler_text();
  facts.nvrtc_library = nvrtc->library();
  const auto architectures = nvrtc->architectures();
  if (!architectures) return;
  for (const GpuFacts& gpu : facts.gpus) {
    const auto number = gpu.arch.substr(gpu.arch.find('_') + 1);
    const auto known = [&](int architecture) { return std::to_string(architecture) == number; };
    if (std::ranges::none_of(*architectures, known)) {
      facts.lacks.push_back({fmt::format("{} does not compile for {} of GPU {}", facts.nvrtc, gpu.arch, gpu.index),
                             "install a newer CUDA Toolkit, or name its libnvrtc in MOETUNE_NVRTC"});
    }
  }
}

void check_architectures(DeviceFacts& facts) {
  for (const GpuFacts& gpu : facts.gpus) {
    if (shared_limit_of(gpu.compile_arch)) continue;
    facts.lacks.push_back({fmt::format("the kernel cuda is not made for {} of GPU {}", gpu.arch, gpu.index),
                           "use a GPU of compute capability 8.0 or newer"});
  }
}

}  // namespace

DeviceFacts probe() {
  DeviceFacts facts;
  add_driver(facts);
  add_nvml(facts);
  add_free_memory_of_integrated(facts);
  add_nvrtc(facts);
  check_architectures(facts);
  return facts;
}

}  // namespace moetune::kernels
