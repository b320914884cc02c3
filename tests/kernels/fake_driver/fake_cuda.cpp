// A libcuda that computes nothing: memory is host memory, time is a counter, and what a "kernel" does is written in the
// module's text, e.g. "us=40 illegal". Tests of the measure worker load it instead of a driver, so that its handling of
// slow, hanging and faulting kernels is tested on machines without a GPU.
#include <cuda.h>
// The product asks for the first version by name.
#undef cuEventElapsedTime

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <list>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

struct FakeModule;
struct FakeFunction {
  FakeModule* module;
  std::string name;
};
struct FakeModule {
  double us = 1;
  int max_threads = 1024;
  bool hangs = false;
  bool faults = false;
  bool refuses = false;   // the launch fails
  int wrong_results = 0;  // how many of its first results are wrong
  unsigned grid = 0;      // blocks of every launch of the GEMM, when not 0
  int group = 0;          // GROUP_SIZE_M of every launch of the GEMM, when not 0
  std::list<FakeFunction> functions{};
};
struct FakeEvent {
  double us = 0;
  bool asked = false;
};
using Node = std::function<void()>;
struct FakeGraph {
  std::vector<Node> nodes;
};

double g_now_us = 0;
double g_slower = 1;  // the devices but the first may be slower
bool g_hung = false;
CUresult g_sticky = CUDA_SUCCESS;
bool g_result_is_wrong = false;
int g_modules = 0;
FakeGraph* g_capture = nullptr;

std::int64_t setting(const char* name, std::int64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::atoll(text);
}

CUresult run(Node node) {
  if (g_sticky != CUDA_SUCCESS) return g_sticky;
  if (g_capture != nullptr) {
    g_capture->nodes.push_back(std::move(node));
  } else {
    node();
  }
  return CUDA_SUCCESS;
}

bool is_launched_as_told(const FakeModule& module, unsigned grid, void** arguments) {
  constexpr int k_group_size_m = 22;  // the last parameter of moe_gemm
  const bool grid_is_right = module.grid == 0 || module.grid == grid;
  return grid_is_right && (module.group == 0 || module.group == *static_cast<int*>(arguments[k_group_size_m]));
}

/// While the file FAKE_CUDA_SLOW_WHILE is there everything takes a tenth longer.
double drift() {
  static const char* file = std::getenv("FAKE_CUDA_SLOW_WHILE");
  return file != nullptr && std::filesystem::exists(file) ? 1.1 : 1;
}

void execute(FakeModule& module, const std::string& name) {
  g_now_us += module.us * g_slower * drift();
  g_hung = g_hung || module.hangs;
  if (module.faults) g_sticky = CUDA_ERROR_ILLEGAL_ADDRESS;
  if (name == "moe_gemm") {
    g_result_is_wrong = module.wrong_results > 0;
    module.wrong_results = std::max(0, module.wrong_results - 1);
  }
}

}  // namespace

extern "C" {

CUresult cuInit(unsigned) {
  return static_cast<CUresult>(setting("FAKE_CUDA_INIT", CUDA_SUCCESS));
}
CUresult cuDriverGetVersion(int* version) {
  *version = 13000;
  return CUDA_SUCCESS;
}
CUresult cuGetErrorName(CUresult error, const char** name) {
  *name = error == CUDA_ERROR_ILLEGAL_ADDRESS           ? "CUDA_ERROR_ILLEGAL_ADDRESS"
          : error == CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES ? "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"
          : error == CUDA_ERROR_INVALID_IMAGE           ? "CUDA_ERROR_INVALID_IMAGE"
          : error == CUDA_ERROR_OUT_OF_MEMORY           ? "CUDA_ERROR_OUT_OF_MEMORY"
                                                        : "CUDA_ERROR_OTHER";
  return CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult, const char** text) {
  *text = "as the test wants it";
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetCount(int* count) {
  *count = static_cast<int>(setting("FAKE_CUDA_DEVICES", 1));
  return CUDA_SUCCESS;
}
CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  *device = ordinal;
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetName(char* name, int length, CUdevice) {
  std::strncpy(name, "NVIDIA H200", static_cast<std::size_t>(length));
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) {
  std::memset(uuid->bytes, 0x11 * (device + 1), sizeof uuid->bytes);
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
  *value = attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR            ? 9
           : attribute == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT              ? 132
           : attribute == CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE                     ? 1 << 20
           : attribute == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN ? 232448
                                                                                : 0;
  return CUDA_SUCCESS;
}
CUresult cuDeviceTotalMem_v2(std::size_t* bytes, CUdevice) {
  *bytes = static_cast<std::size_t>(setting("FAKE_CUDA_MEMORY_MIB", 4096)) << 20;
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  if (device > 0) g_slower = 1 + static_cast<double>(setting("FAKE_CUDA_SLOWER_PERCENT", 0)) / 100;
  *context = reinterpret_cast<CUcontext>(1);
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) {
  return CUDA_SUCCESS;
}
CUresult cuCtxSetCurrent(CUcontext) {
  return CUDA_SUCCESS;
}
CUresult cuCtxSynchronize() {
  return g_sticky;
}
CUresult cuMemGetInfo_v2(std::size_t* available, std::size_t* total) {
  cuDeviceTotalMem_v2(total, 0);
  *available = *total;
  return CUDA_SUCCESS;
}
CUresult cuMemAlloc_v2(CUdeviceptr* address, std::size_t bytes) {
  *address = reinterpret_cast<CUdeviceptr>(std::calloc(1, bytes));
  return *address == 0 ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}
CUresult cuMemFree_v2(CUdeviceptr address) {
  std::free(reinterpret_cast<void*>(address));
  return CUDA_SUCCESS;
}
CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, std::size_t bytes) {
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return g_sticky;
}
CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, std::size_t bytes) {
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return g_sticky;
}
CUresult cuMemsetD8Async(CUdeviceptr, unsigned char, std::size_t, CUstream) {
  return run([] {});
}
CUresult cuStreamCreate(CUstream* stream, unsigned) {
  *stream = reinterpret_cast<CUstream>(1);
  return CUDA_SUCCESS;
}
CUresult cuStreamDestroy_v2(CUstream) {
  return CUDA_SUCCESS;
}
CUresult cuStreamSynchronize(CUstream) {
  return g_sticky;
}
CUresult cuStreamBeginCapture_v2(CUstream, CUstreamCaptureMode) {
  g_capture = new FakeGraph;
  return CUDA_SUCCESS;
}
CUresult cuStreamEndCapture(CUstream, CUgraph* graph) {
  *graph = reinterpret_cast<CUgraph>(g_capture);
  g_capture = nullptr;
  return CUDA_SUCCESS;
}
CUresult cuEventCreate(CUevent* event, unsigned) {
  *event = reinterpret_cast<CUevent>(new FakeEvent);
  return CUDA_SUCCESS;
}
CUresult cuEventDestroy_v2(CUevent event) {
  delete reinterpret_cast<FakeEvent*>(event);
  return CUDA_SUCCESS;
}
CUresult cuEventRecord(CUevent event, CUstream) {
  return run([event] { *reinterpret_cast<FakeEvent*>(event) = {.us = g_now_us, .asked = false}; });
}
CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned) {
  return cuEventRecord(event, stream);
}
CUresult cuEventSynchronize(CUevent) {
  return g_sticky;
}
CUresult cuEventQuery(CUevent event) {
  if (g_hung) return CUDA_ERROR_NOT_READY;
  if (g_sticky != CUDA_SUCCESS) return g_sticky;
  // Never at once: whoever waits has time to look at the clock.
  const bool ready = std::exchange(reinterpret_cast<FakeEvent*>(event)->asked, true);
  return ready ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}
CUresult cuEventElapsedTime(float* milliseconds, CUevent from, CUevent to) {
  *milliseconds =
      static_cast<float>((reinterpret_cast<FakeEvent*>(to)->us - reinterpret_cast<FakeEvent*>(from)->us) / 1000);
  return CUDA_SUCCESS;
}
CUresult cuModuleLoadData(CUmodule* result, const void* image) {
  std::istringstream text(static_cast<const char*>(image));
  FakeModule module;
  for (std::string word; text >> word;) {
    if (word.starts_with("us=")) module.us = std::atof(word.c_str() + 3);
    if (word.starts_with("threads=")) module.max_threads = std::atoi(word.c_str() + 8);
    if (word.starts_with("wrong=")) module.wrong_results = std::atoi(word.c_str() + 6);
    if (word.starts_with("grid=")) module.grid = static_cast<unsigned>(std::atoi(word.c_str() + 5));
    if (word.starts_with("group=")) module.group = std::atoi(word.c_str() + 6);
    if (word == "hang") module.hangs = true;
    if (word == "illegal") module.faults = true;
    if (word == "refuse") module.refuses = true;
    if (word == "broken") return CUDA_ERROR_INVALID_IMAGE;
  }
  if (++g_modules > setting("FAKE_CUDA_MODULES", 1 << 20)) return CUDA_ERROR_OUT_OF_MEMORY;
  *result = reinterpret_cast<CUmodule>(new FakeModule(module));
  return CUDA_SUCCESS;
}
CUresult cuModuleUnload(CUmodule module) {
  delete reinterpret_cast<FakeModule*>(module);
  --g_modules;
  return CUDA_SUCCESS;
}
CUresult cuModuleGetFunction(CUfunction* function, CUmodule raw, const char* name) {
  auto& module = *reinterpret_cast<FakeModule*>(raw);
  module.functions.push_back({&module, name});
  *function = reinterpret_cast<CUfunction>(&module.functions.back());
  return CUDA_SUCCESS;
}
CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction function) {
  const bool threads = attribute == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK;
  *value = threads ? reinterpret_cast<FakeFunction*>(function)->module->max_threads : 0;
  return CUDA_SUCCESS;
}
CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int) {
  return CUDA_SUCCESS;
}
CUresult cuFuncSetCacheConfig(CUfunction, CUfunc_cache) {
  return CUDA_SUCCESS;
}
CUresult cuLaunchKernel(CUfunction raw, unsigned grid, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                        CUstream, void** arguments, void**) {
  auto& function = *reinterpret_cast<FakeFunction*>(raw);
  if (const char* grids = std::getenv("FAKE_CUDA_GRIDS")) {
    std::ofstream(grids, std::ios::app) << function.name << ' ' << grid << '\n';
  }
  if (function.module->refuses) return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  if (function.name == "moe_gemm" && !is_launched_as_told(*function.module, grid, arguments))
    return CUDA_ERROR_INVALID_VALUE;
  if (function.name != "compare") return run([&function] { execute(*function.module, function.name); });
  // Sums of the squares of differences and of expected values.
  auto* sums = *static_cast<double**>(arguments[2]);
  return run([sums] {
    sums[0] = g_result_is_wrong ? 1 : 0;
    sums[1] = 1;
  });
}
/// NVRTC asks for it where there is a driver, and does without.
CUresult cuGetExportTable(const void** table, const CUuuid*) {
  *table = nullptr;
  return CUDA_ERROR_NOT_FOUND;
}
CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction raw, void** arguments, void** extra) {
  return cuLaunchKernel(raw, config->gridDimX, config->gridDimY, config->gridDimZ, config->blockDimX, config->blockDimY,
                        config->blockDimZ, config->sharedMemBytes, config->hStream, arguments, extra);
}
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction, int, std::size_t) {
  *blocks = 1;
  return CUDA_SUCCESS;
}
CUresult cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long) {
  *exec = reinterpret_cast<CUgraphExec>(new FakeGraph(*reinterpret_cast<FakeGraph*>(graph)));
  return CUDA_SUCCESS;
}
CUresult cuGraphUpload(CUgraphExec, CUstream) {
  return g_sticky;
}
CUresult cuGraphLaunch(CUgraphExec exec, CUstream) {
  for (const auto& node : reinterpret_cast<FakeGraph*>(exec)->nodes) node();
  return g_sticky;
}
CUresult cuGraphDestroy(CUgraph graph) {
  delete reinterpret_cast<FakeGraph*>(graph);
  return CUDA_SUCCESS;
}
CUresult cuGraphExecDestroy(CUgraphExec exec) {
  delete reinterpret_cast<FakeGraph*>(exec);
  return CUDA_SUCCESS;
}

}  // extern "C"
