#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/error.hpp"

namespace moetune::kernels {

/// One GPU of this machine.
struct GpuFacts {
  int index = 0;             ///< as CUDA counts
  std::string name;          ///< as rows have it, "NVIDIA_H200" (schema::device_from_driver)
  std::string raw_name;      ///< the driver's, "NVIDIA H200"
  std::string uuid;          ///< "GPU-..."
  std::string arch;          ///< "sm_90", as trials carry it
  std::string compile_arch;  ///< "sm_90a", as compile jobs carry it
  std::int64_t sm_count = 0;
  std::int64_t l2_bytes = 0;
  std::int64_t shared_optin_bytes = 0;  ///< most shared memory of one block
  std::int64_t memory_bytes = 0;
  std::optional<std::int64_t> memory_free_bytes;  ///< nothing when NVML does not tell
  bool integrated = false;                        ///< memory is shared with the host
  std::int64_t other_processes = 0;               ///< that have a CUDA context there
  bool operator==(const GpuFacts&) const = default;
};

/// Something that this machine lacks and what to do about it; both are for people.
struct Lack {
  std::string what;
  std::string remedy;
  bool operator==(const Lack&) const = default;
};

/// What this machine has for measuring and compiling.
struct DeviceFacts {
  bool has_cuda = false;  ///< libcuda is there and starts
  bool has_nvml = false;
  std::string cuda_version;    ///< newest that the driver supports, "13.0"; empty without a driver
  std::string driver_version;  ///< "580.65.06"; empty when not known
  std::string nvrtc;           ///< "nvrtc 13.0"; empty without NVRTC
  std::string nvrtc_library;   ///< where it was found
  std::vector<GpuFacts> gpus;
  std::vector<Lack> lacks;  ///< empty when everything works
  bool operator==(const DeviceFacts&) const = default;
};

/// Looks at this machine. Opens the libraries, which may crash or hang with a broken driver: call it in a process that
/// may end, `moetune-measure-worker --probe`. Makes no CUDA context. Never fails; what is missing is in `lacks`.
DeviceFacts probe();

nlohmann::json to_json(const DeviceFacts& facts);
/// Errors: invalid_argument, naming the field.
schema::Result<DeviceFacts> device_facts_from_json(const nlohmann::json& value);

}  // namespace moetune::kernels
