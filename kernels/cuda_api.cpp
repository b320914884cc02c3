#include "kernels/cuda_api.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace moetune::kernels {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

/// Resolves the entry points one after the other and remembers the first that is missing.
class Resolver {
 public:
  explicit Resolver(void* library) : library_(library) {}

  template <typename Pointer>
  void operator()(Pointer& pointer, const char* name) {
    pointer = reinterpret_cast<Pointer>(dlsym(library_, name));
    if (pointer == nullptr && missing_.empty()) missing_ = name;
  }
  const std::string& missing() const { return missing_; }

 private:
  void* library_;
  std::string missing_;
};

void resolve(CudaApi& api, Resolver& get) {
  get(api.init, "cuInit");
  get(api.driver_version, "cuDriverGetVersion");
  get(api.error_name, "cuGetErrorName");
  get(api.error_text, "cuGetErrorString");
  get(api.device_count, "cuDeviceGetCount");
  get(api.device_get, "cuDeviceGet");
  get(api.device_name, "cuDeviceGetName");
  get(api.device_uuid, "cuDeviceGetUuid_v2");
  get(api.device_attribute, "cuDeviceGetAttribute");
  get(api.device_total_memory, "cuDeviceTotalMem_v2");
  get(api.context_retain, "cuDevicePrimaryCtxRetain");
  get(api.context_release, "cuDevicePrimaryCtxRelease_v2");
  get(api.context_set_current, "cuCtxSetCurrent");
  get(api.context_synchronize, "cuCtxSynchronize");
  get(api.memory_info, "cuMemGetInfo_v2");
  get(api.memory_allocate, "cuMemAlloc_v2");
  get(api.memory_free, "cuMemFree_v2");
  get(api.copy_to_device, "cuMemcpyHtoD_v2");
  get(api.copy_to_host, "cuMemcpyDtoH_v2");
  get(api.fill_bytes, "cuMemsetD8Async");
  get(api.stream_create, "cuStreamCreate");
  get(api.stream_destroy, "cuStreamDestroy_v2");
  get(api.stream_synchronize, "cuStreamSynchronize");
  get(api.stream_begin_capture, "cuStreamBeginCapture_v2");
  get(api.stream_end_capture, "cuStreamEndCapture");
  get(api.event_create, "cuEventCreate");
  get(api.event_destroy, "cuEventDestroy_v2");
  get(api.event_record, "cuEventRecord");
  get(api.event_record_with_flags, "cuEventRecordWithFlags");
  get(api.event_synchronize, "cuEventSynchronize");
  get(api.event_query, "cuEventQuery");
  get(api.event_elapsed, "cuEventElapsedTime");
  get(api.module_load, "cuModuleLoadData");
  get(api.module_unload, "cuModuleUnload");
  get(api.module_function, "cuModuleGetFunction");
  get(api.function_attribute, "cuFuncGetAttribute");
  get(api.function_set_attribute, "cuFuncSetAttribute");
  get(api.function_cache_config, "cuFuncSetCacheConfig");
  get(api.launch, "cuLaunchKernel");
  get(api.launch_with_attributes, "cuLaunchKernelEx");
  get(api.occupancy, "cuOccupancyMaxActiveBlocksPerMultiprocessor");
  get(api.graph_instantiate, "cuGraphInstantiateWithFlags");
  get(api.graph_upload, "cuGraphUpload");
  get(api.graph_launch, "cuGraphLaunch");
  get(api.graph_destroy, "cuGraphDestroy");
  get(api.graph_exec_destroy, "cuGraphExecDestroy");
}

Result<CudaApi> load_api() {
  // Never closed: the driver keeps threads and exit handlers of its own.
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    return fail(ErrorCode::unavailable,
                fmt::format("no NVIDIA driver on this machine: libcuda.so.1 cannot be opened ({})",
                            reason == nullptr ? "no reason given" : reason));
  }
  CudaApi api;
  Resolver resolver(library);
  resolve(api, resolver);
  if (!resolver.missing().empty()) {
    return fail(ErrorCode::unavailable,
                fmt::format("the NVIDIA driver is too old: libcuda.so.1 has no {} (a driver for CUDA 12 is needed)",
                            resolver.missing()));
  }
  const CUresult started = api.init(0);
  if (started != CUDA_SUCCESS) {
    const char* name = nullptr;
    const char* text = nullptr;
    api.error_name(started, &name);
    api.error_text(started, &text);
    return fail(ErrorCode::unavailable,
                fmt::format("the NVIDIA driver does not start: {} ({})", name == nullptr ? "unknown error" : name,
                            text == nullptr ? "no text" : text),
                {{"cuda_error", name == nullptr ? "" : name}});
  }
  return api;
}

const Result<CudaApi>& loaded_api() {
  static const Result<CudaApi> api = load_api();
  return api;
}

constexpr std::array k_sticky_errors{
    CUDA_ERROR_ILLEGAL_ADDRESS,      CUDA_ERROR_LAUNCH_FAILED,
    CUDA_ERROR_LAUNCH_TIMEOUT,       CUDA_ERROR_ASSERT,
    CUDA_ERROR_HARDWARE_STACK_ERROR, CUDA_ERROR_ILLEGAL_INSTRUCTION,
    CUDA_ERROR_MISALIGNED_ADDRESS,   CUDA_ERROR_INVALID_ADDRESS_SPACE,
    CUDA_ERROR_INVALID_PC,           CUDA_ERROR_ECC_UNCORRECTABLE,
    CUDA_ERROR_NVLINK_UNCORRECTABLE, CUDA_ERROR_CONTEXT_IS_DESTROYED,
    CUDA_ERROR_EXTERNAL_DEVICE,      CUDA_ERROR_UNKNOWN,
};

}  // namespace

Result<const CudaApi*> cuda_api() {
  const auto& api = loaded_api();
  if (!api) return std::unexpected(api.error());
  return &*api;
}

Result<void> check(CUresult result, std::string_view what) {
  if (result == CUDA_SUCCESS) return {};
  const auto& api = loaded_api();
  const char* name = nullptr;
  const char* text = nullptr;
  if (api) {
    api->error_name(result, &name);
    api->error_text(result, &text);
  }
  const std::string shown = name == nullptr ? fmt::format("CUDA error {}", static_cast<int>(result)) : name;
  const bool out_of_memory = result == CUDA_ERROR_OUT_OF_MEMORY;
  const bool sticky = std::ranges::find(k_sticky_errors, result) != k_sticky_errors.end();
  const bool out_of_resources = out_of_memory || result == CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  return fail(out_of_memory ? ErrorCode::unavailable : ErrorCode::internal,
              fmt::format("{}: {} ({})", what, shown, text == nullptr ? "no text" : text),
              {{"cuda_error", shown}, {"sticky", sticky}, {"out_of_resources", out_of_resources}});
}

}  // namespace moetune::kernels
