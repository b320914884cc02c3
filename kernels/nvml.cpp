#include "kernels/nvml.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <utility>

namespace moetune::kernels {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

// Declarations of our own: nvml.h is not part of what the build needs. They are fixed by NVML's ABI.
using Status = int;
constexpr Status k_success = 0;
constexpr Status k_insufficient_size = 7;
constexpr unsigned k_clock_sm = 1;

struct MemoryUse {
  unsigned long long total, free, used;
};

struct ProcessInfo {  // version 2 of the struct, which the functions _v2 and _v3 fill
  unsigned pid;
  unsigned long long used_memory;
  unsigned gpu_instance, compute_instance;
};

constexpr std::array<std::pair<std::uint64_t, std::string_view>, 7> k_throttle_names = {{
    {0x4, "sw_power_cap"},
    {0x8, "hw_slowdown"},
    {0x10, "sync_boost"},
    {0x20, "sw_thermal_slowdown"},
    {0x40, "hw_thermal_slowdown"},
    {0x80, "hw_power_brake"},
    {0x100, "display_clock"},
}};

}  // namespace

struct NvmlDevice::Api {
  Status (*init)() = nullptr;
  const char* (*error_text)(Status) = nullptr;
  Status (*driver_version)(char*, unsigned) = nullptr;
  Status (*device_by_uuid)(const char*, void**) = nullptr;
  Status (*clock)(void*, unsigned, unsigned*) = nullptr;
  Status (*throttle)(void*, unsigned long long*) = nullptr;
  Status (*memory)(void*, MemoryUse*) = nullptr;
  Status (*processes)(void*, unsigned*, ProcessInfo*) = nullptr;
};

std::optional<std::int64_t> NvmlDevice::sm_clock_mhz() const {
  unsigned mhz = 0;
  if (api_->clock(handle_, k_clock_sm, &mhz) != k_success) return std::nullopt;
  return mhz;
}

std::optional<std::uint64_t> NvmlDevice::throttle_bits() const {
  unsigned long long bits = 0;
  if (api_->throttle(handle_, &bits) != k_success) return std::nullopt;
  return bits;
}

std::vector<std::uint32_t> NvmlDevice::compute_processes() const {
  std::vector<ProcessInfo> found(16);
  Status status = k_insufficient_size;
  unsigned count = 0;
  // The list may grow between two calls.
  for (int attempt = 0; attempt < 3 && status == k_insufficient_size; ++attempt) {
    if (count > found.size()) found.resize(count + 16);
    count = static_cast<unsigned>(found.size());
    status = api_->processes(handle_, &count, found.data());
  }
  std::vector<std::uint32_t> pids;
  if (status != k_success) return pids;
  for (unsigned i = 0; i < count; ++i) pids.push_back(found[i].pid);
  return pids;
}

std::optional<std::int64_t> NvmlDevice::free_memory() const {
  MemoryUse memory = {};
  if (api_->memory(handle_, &memory) != k_success) return std::nullopt;
  return static_cast<std::int64_t>(memory.free);
}

Result<Nvml> Nvml::open() {
  // Never closed: it is wanted until the process ends.
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    return fail(ErrorCode::unavailable,
                fmt::format("libnvidia-ml.so.1 cannot be opened ({})", reason == nullptr ? "no reason given" : reason));
  }
  auto api = std::make_shared<NvmlDevice::Api>();
  std::string missing;
  const auto get = [&](auto& pointer, const char* name) {
    pointer = reinterpret_cast<std::remove_reference_t<decltype(pointer)>>(dlsym(library, name));
    if (pointer == nullptr && missing.empty()) missing = name;
  };
  get(api->init, "nvmlInit_v2");
  get(api->error_text, "nvmlErrorString");
  get(api->driver_version, "nvmlSystemGetDriverVersion");
  get(api->device_by_uuid, "nvmlDeviceGetHandleByUUID");
  get(api->clock, "nvmlDeviceGetClockInfo");
  get(api->throttle, "nvmlDeviceGetCurrentClocksThrottleReasons");
  get(api->memory, "nvmlDeviceGetMemoryInfo");
  get(api->processes, "nvmlDeviceGetComputeRunningProcesses_v3");
  if (!missing.empty()) {
    return fail(ErrorCode::unavailable, fmt::format("libnvidia-ml.so.1 has no {}: the driver is too old", missing));
  }
  if (const Status status = api->init(); status != k_success) {
    return fail(ErrorCode::unavailable, fmt::format("NVML does not start: {}", api->error_text(status)));
  }
  return Nvml(std::move(api));
}

std::string Nvml::driver_version() const {
  std::array<char, 96> text = {};
  if (api_->driver_version(text.data(), static_cast<unsigned>(text.size())) != k_success) return "";
  return text.data();
}

Result<NvmlDevice> Nvml::device(const std::string& uuid) const {
  void* handle = nullptr;
  if (const Status status = api_->device_by_uuid(uuid.c_str(), &handle); status != k_success) {
    return fail(ErrorCode::unavailable, fmt::format("NVML does not know {}: {}", uuid, api_->error_text(status)));
  }
  return NvmlDevice(api_, handle);
}

std::string throttle_text(std::uint64_t bits) {
  std::string text;
  for (const auto& [bit, name] : k_throttle_names) {
    if ((bits & bit) != 0) text += fmt::format("{}{}", text.empty() ? "" : ", ", name);
  }
  return text;
}

}  // namespace moetune::kernels
