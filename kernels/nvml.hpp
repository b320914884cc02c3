#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schema/error.hpp"

namespace moetune::kernels {

/// One GPU as NVML sees it: watching needs no CUDA context. Every question can go unanswered, since drivers and kinds
/// of GPU differ in what they tell. Copyable view into the library; calls are thread-safe.
class NvmlDevice {
 public:
  /// The clock that the multiprocessors run at right now.
  std::optional<std::int64_t> sm_clock_mhz() const;
  /// Why the clock is not higher, as a set of bits; see throttle_text().
  std::optional<std::uint64_t> throttle_bits() const;
  /// Processes with a CUDA context on this GPU, this one included.
  std::vector<std::uint32_t> compute_processes() const;
  std::optional<std::int64_t> free_memory() const;

 private:
  friend class Nvml;
  struct Api;
  NvmlDevice(std::shared_ptr<const Api> api, void* handle) : api_(std::move(api)), handle_(handle) {}
  std::shared_ptr<const Api> api_;
  void* handle_;
};

/// NVIDIA's management library, opened at run time.
class Nvml {
 public:
  /// Errors: unavailable when libnvidia-ml is missing or does not start.
  static schema::Result<Nvml> open();
  /// "580.65.06".
  std::string driver_version() const;
  /// The GPU with the UUID that CUDA gives it. Errors: unavailable.
  schema::Result<NvmlDevice> device(const std::string& uuid) const;

 private:
  explicit Nvml(std::shared_ptr<const NvmlDevice::Api> api) : api_(std::move(api)) {}
  std::shared_ptr<const NvmlDevice::Api> api_;
};

/// "sw_power_cap, hw_thermal_slowdown"; empty when nothing holds the clock back. An idle GPU and a clock that somebody
/// has set are no throttling.
std::string throttle_text(std::uint64_t bits);

}  // namespace moetune::kernels
