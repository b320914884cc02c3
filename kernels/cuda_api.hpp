#pragma once

// The only header of the folder that shows cuda.h; included by .cpp files alone.

#include <cuda.h>

#include <string_view>

#include "schema/error.hpp"

namespace moetune::kernels {

/// libcuda's entry points, found at run time. The names are spelled out with their version suffix: the macros of cuda.h
/// would ask for the newest ones, which older drivers lack.
struct CudaApi {
  decltype(&::cuInit) init = nullptr;
  decltype(&::cuDriverGetVersion) driver_version = nullptr;
  CUresult (*error_name)(CUresult, const char**) = nullptr;
  CUresult (*error_text)(CUresult, const char**) = nullptr;
  decltype(&::cuDeviceGetCount) device_count = nullptr;
  decltype(&::cuDeviceGet) device_get = nullptr;
  decltype(&::cuDeviceGetName) device_name = nullptr;
  CUresult (*device_uuid)(CUuuid*, CUdevice) = nullptr;
  decltype(&::cuDeviceGetAttribute) device_attribute = nullptr;
  CUresult (*device_total_memory)(std::size_t*, CUdevice) = nullptr;
  decltype(&::cuDevicePrimaryCtxRetain) context_retain = nullptr;
  CUresult (*context_release)(CUdevice) = nullptr;
  decltype(&::cuCtxSetCurrent) context_set_current = nullptr;
  CUresult (*context_synchronize)() = nullptr;
  CUresult (*memory_info)(std::size_t*, std::size_t*) = nullptr;
  CUresult (*memory_allocate)(CUdeviceptr*, std::size_t) = nullptr;
  CUresult (*memory_free)(CUdeviceptr) = nullptr;
  CUresult (*copy_to_device)(CUdeviceptr, const void*, std::size_t) = nullptr;
  CUresult (*copy_to_host)(void*, CUdeviceptr, std::size_t) = nullptr;
  CUresult (*fill_bytes)(CUdeviceptr, unsigned char, std::size_t, CUstream) = nullptr;
  decltype(&::cuStreamCreate) stream_create = nullptr;
  CUresult (*stream_destroy)(CUstream) = nullptr;
  CUresult (*stream_synchronize)(CUstream) = nullptr;
  CUresult (*stream_begin_capture)(CUstream, CUstreamCaptureMode) = nullptr;
  decltype(&::cuStreamEndCapture) stream_end_capture = nullptr;
  decltype(&::cuEventCreate) event_create = nullptr;
  CUresult (*event_destroy)(CUevent) = nullptr;
  decltype(&::cuEventRecord) event_record = nullptr;
  decltype(&::cuEventRecordWithFlags) event_record_with_flags = nullptr;
  decltype(&::cuEventSynchronize) event_synchronize = nullptr;
  decltype(&::cuEventQuery) event_query = nullptr;
  CUresult (*event_elapsed)(float*, CUevent, CUevent) = nullptr;
  decltype(&::cuModuleLoadData) module_load = nullptr;
  decltype(&::cuModuleUnload) module_unload = nullptr;
  decltype(&::cuModuleGetFunction) module_function = nullptr;
  decltype(&::cuFuncGetAttribute) function_attribute = nullptr;
  decltype(&::cuFuncSetAttribute) function_set_attribute = nullptr;
  decltype(&::cuFuncSetCacheConfig) function_cache_config = nullptr;
  decltype(&::cuLaunchKernel) launch = nullptr;
  decltype(&::cuLaunchKernelEx) launch_with_attributes = nullptr;
  CUresult (*occupancy)(int*, CUfunction, int, std::size_t) = nullptr;
  CUresult (*graph_instantiate)(CUgraphExec*, CUgraph, unsigned long long) = nullptr;
  decltype(&::cuGraphUpload) graph_upload = nullptr;
  decltype(&::cuGraphLaunch) graph_launch = nullptr;
  decltype(&::cuGraphDestroy) graph_destroy = nullptr;
  decltype(&::cuGraphExecDestroy) graph_exec_destroy = nullptr;
};

/// The table, loaded and initialised once per process; thread-safe. Errors: unavailable.
schema::Result<const CudaApi*> cuda_api();

/// Ok, or an Error that carries `what` was being done and CUDA's name of the error in its detail.
schema::Result<void> check(CUresult result, std::string_view what);

}  // namespace moetune::kernels
