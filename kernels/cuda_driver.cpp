#include "kernels/cuda_driver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "kernels/cuda_api.hpp"

namespace moetune::kernels {

using schema::fail;

namespace {

template <typename Pointer>
Pointer as(std::uint64_t handle) {
  return reinterpret_cast<Pointer>(handle);
}
template <typename Pointer>
std::uint64_t number(Pointer handle) {
  return reinterpret_cast<std::uint64_t>(handle);
}

bool detail_flag(const Error& error, const char* name) {
  return error.detail.is_object() && error.detail.value(name, false);
}

std::string uuid_text(const CUuuid& uuid) {
  std::string text = "GPU";
  for (std::size_t i = 0; i < sizeof uuid.bytes; ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(uuid.bytes[i]));
  }
  return text;
}

}  // namespace

std::string cuda_error_name(const Error& error) {
  return error.detail.is_object() ? error.detail.value("cuda_error", std::string{}) : std::string{};
}

bool is_sticky(const Error& error) {
  return detail_flag(error, "sticky");
}

bool is_out_of_resources(const Error& error) {
  return detail_flag(error, "out_of_resources");
}

Result<void> open_cuda_driver() {
  auto api = cuda_api();
  if (!api) return std::unexpected(api.error());
  return {};
}

Result<int> cuda_driver_version() {
  auto api = cuda_api();
  if (!api) return std::unexpected(api.error());
  int version = 0;
  if (auto ok = check((*api)->driver_version(&version), "ask the driver's version"); !ok)
    return std::unexpected(ok.error());
  return version;
}

Result<int> device_count() {
  auto api = cuda_api();
  if (!api) return std::unexpected(api.error());
  int count = 0;
  if (auto ok = check((*api)->device_count(&count), "count the devices"); !ok) return std::unexpected(ok.error());
  return count;
}

Result<DeviceInfo> device_info(int device) {
  auto api = cuda_api();
  if (!api) return std::unexpected(api.error());
  const CudaApi& cuda = **api;
  CUdevice handle = 0;
  if (auto ok = check(cuda.device_get(&handle, device), fmt::format("open device {}", device)); !ok)
    return std::unexpected(ok.error());

  std::array<char, 256> name{};
  CUuuid uuid{};
  std::size_t total = 0;
  int l2 = 0, shared = 0, integrated = 0;
  DeviceInfo info;
  const std::pair<int*, CUdevice_attribute> attributes[] = {
      {&info.cc_major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR},
      {&info.cc_minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR},
      {&info.sm_count, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT},
      {&l2, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE},
      {&shared, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN},
      {&integrated, CU_DEVICE_ATTRIBUTE_INTEGRATED},
  };
  const auto what = fmt::format("read the attributes of device {}", device);
  CUresult result = cuda.device_name(name.data(), static_cast<int>(name.size()) - 1, handle);
  if (result == CUDA_SUCCESS) result = cuda.device_uuid(&uuid, handle);
  if (result == CUDA_SUCCESS) result = cuda.device_total_memory(&total, handle);
  for (const auto& [value, attribute] : attributes) {
    if (result == CUDA_SUCCESS) result = cuda.device_attribute(value, attribute, handle);
  }
  if (auto ok = check(result, what); !ok) return std::unexpected(ok.error());
  info.name = name.data();
  info.uuid = uuid_text(uuid);
  info.l2_bytes = l2;
  info.shared_optin_bytes = shared;
  info.total_memory = static_cast<std::int64_t>(total);
  info.integrated = integrated != 0;
  return info;
}

namespace detail {

// A handle exists only when the table was loaded.
void release(HandleKind kind, std::uint64_t handle) noexcept {
  const auto api = cuda_api();
  if (!api) return;
  switch (kind) {
    case HandleKind::context:
      (*api)->context_release(static_cast<CUdevice>(handle - 1));
      break;
    case HandleKind::module:
      (*api)->module_unload(as<CUmodule>(handle));
      break;
    case HandleKind::buffer:
      (*api)->memory_free(handle);
      break;
    case HandleKind::stream:
      (*api)->stream_destroy(as<CUstream>(handle));
      break;
    case HandleKind::event:
      (*api)->event_destroy(as<CUevent>(handle));
      break;
    case HandleKind::graph:
      (*api)->graph_destroy(as<CUgraph>(handle));
      break;
    case HandleKind::graph_exec:
      (*api)->graph_exec_destroy(as<CUgraphExec>(handle));
      break;
  }
}

}  // namespace detail

Result<Context> Context::open(int device) {
  auto info = device_info(device);
  if (!info) return std::unexpected(info.error());
  const CudaApi& cuda = **cuda_api();
  CUcontext raw = nullptr;
  if (auto ok = check(cuda.context_retain(&raw, device), fmt::format("open a context on device {}", device)); !ok)
    return std::unexpected(ok.error());
  Context context;
  context.retained_ = detail::Handle<detail::HandleKind::context>(static_cast<std::uint64_t>(device) + 1);
  context.context_ = number(raw);
  context.info_ = std::move(*info);
  if (auto ok = context.make_current(); !ok) return std::unexpected(ok.error());
  return context;
}

Result<void> Context::make_current() const {
  return check((*cuda_api())->context_set_current(as<CUcontext>(context_)), "make the context current");
}

Result<MemoryInfo> Context::memory() const {
  std::size_t available = 0, total = 0;
  if (auto ok = check((*cuda_api())->memory_info(&available, &total), "ask for free device memory"); !ok)
    return std::unexpected(ok.error());
  return MemoryInfo{static_cast<std::int64_t>(available), static_cast<std::int64_t>(total)};
}

Result<void> Context::synchronize() const {
  return check((*cuda_api())->context_synchronize(), "wait for the device");
}

Result<Stream> Stream::create() {
  auto api = cuda_api();
  if (!api) return std::unexpected(api.error());
  CUstream raw = nullptr;
  if (auto ok = check((*api)->stream_create(&raw, CU_STREAM_NON_BLOCKING), "create a stream"); !ok)
    return std::unexpected(ok.error());
  Stream stream;
  stream.handle_ = detail::Handle<detail::HandleKind::stream>(number(raw));
  return stream;
}

Stream Stream::borrowed(std::uint64_t raw) {
  Stream stream;
  stream.borrowed_ = raw;
  return stream;
}

Result<void> Stream::synchronize() const {
  return check((*cuda_api())->stream_synchronize(as<CUstream>(raw())), "wait for the stream");
}

Result<Event> Event::create() {
  auto api = cuda_api();
  if (!api) return std::unexpected(api.error());
  CUevent raw = nullptr;
  if (auto ok = check((*api)->event_create(&raw, CU_EVENT_DEFAULT), "create an event"); !ok)
    return std::unexpected(ok.error());
  Event event;
  event.handle_ = detail::Handle<detail::HandleKind::event>(number(raw));
  return event;
}

Result<void> Event::record(const Stream& stream) const {
  return check((*cuda_api())->event_record(as<CUevent>(handle_.get()), as<CUstream>(stream.raw())), "record an event");
}

Result<void> Event::record_in_graph(const Stream& stream) const {
  const auto result =
      (*cuda_api())
          ->event_record_with_flags(as<CUevent>(handle_.get()), as<CUstream>(stream.raw()), CU_EVENT_RECORD_EXTERNAL);
  return check(result, "record an event in a graph");
}

Result<void> Event::synchronize() const {
  return check((*cuda_api())->event_synchronize(as<CUevent>(handle_.get())), "wait for an event");
}

Result<bool> Event::done() const {
  const CUresult result = (*cuda_api())->event_query(as<CUevent>(handle_.get()));
  if (result == CUDA_ERROR_NOT_READY) return false;
  if (auto ok = check(result, "ask for an event"); !ok) return std::unexpected(ok.error());
  return true;
}

Result<double> Event::elapsed_us(const Event& from, const Event& to) {
  float milliseconds = 0;
  const auto result =
      (*cuda_api())->event_elapsed(&milliseconds, as<CUevent>(from.handle_.get()), as<CUevent>(to.handle_.get()));
  if (auto ok = check(result, "read the time between two events"); !ok) return std::unexpected(ok.error());
  return static_cast<double>(milliseconds) * 1e3;
}

Result<DeviceBuffer> DeviceBuffer::allocate(std::size_t bytes) {
  DeviceBuffer buffer;
  if (bytes == 0) return buffer;
  auto api = cuda_api();
  if (!api) return std::unexpected(api.error());
  CUdeviceptr raw = 0;
  if (auto ok = check((*api)->memory_allocate(&raw, bytes), fmt::format("allocate {} bytes of device memory", bytes));
      !ok)
    return std::unexpected(ok.error());
  buffer.handle_ = detail::Handle<detail::HandleKind::buffer>(raw);
  buffer.bytes_ = bytes;
  return buffer;
}

Result<void> DeviceBuffer::upload(std::span<const std::byte> bytes, std::size_t offset) const {
  if (offset + bytes.size() > bytes_)
    return fail(ErrorCode::internal,
                fmt::format("upload of {} bytes at {} into a device buffer of {}", bytes.size(), offset, bytes_));
  if (bytes.empty()) return {};
  const CudaApi& cuda = **cuda_api();
  if (auto ok = check(cuda.copy_to_device(address() + offset, bytes.data(), bytes.size()), "copy to the device"); !ok)
    return ok;
  // A copy from pageable memory may return before it has landed.
  return check(cuda.stream_synchronize(nullptr), "wait for a copy to the device");
}

Result<void> DeviceBuffer::download(std::span<std::byte> bytes, std::size_t offset) const {
  if (offset + bytes.size() > bytes_)
    return fail(ErrorCode::internal,
                fmt::format("download of {} bytes at {} from a device buffer of {}", bytes.size(), offset, bytes_));
  if (bytes.empty()) return {};
  return check((*cuda_api())->copy_to_host(bytes.data(), address() + offset, bytes.size()), "copy from the device");
}

Result<void> DeviceBuffer::fill(std::uint8_t value, const Stream& stream, std::size_t bytes) const {
  const std::size_t count = std::min(bytes, bytes_);
  if (count == 0) return {};
  return check((*cuda_api())->fill_bytes(address(), value, count, as<CUstream>(stream.raw())), "fill device memory");
}

Result<FunctionAttributes> Function::attributes() const {
  FunctionAttributes attributes;
  const std::pair<int*, CUfunction_attribute> wanted[] = {
      {&attributes.registers, CU_FUNC_ATTRIBUTE_NUM_REGS},
      {&attributes.local_bytes, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES},
      {&attributes.static_shared, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES},
      {&attributes.max_threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK},
  };
  for (const auto& [value, attribute] : wanted) {
    const auto result = (*cuda_api())->function_attribute(value, attribute, as<CUfunction>(handle_));
    if (auto ok = check(result, "read the attributes of a kernel"); !ok) return std::unexpected(ok.error());
  }
  return attributes;
}

Result<void> Function::allow_shared(unsigned bytes) const {
  constexpr unsigned k_default_limit = 48 * 1024;
  if (bytes <= k_default_limit) return {};
  const CudaApi& cuda = **cuda_api();
  const auto function = as<CUfunction>(handle_);
  if (auto ok = check(cuda.function_cache_config(function, CU_FUNC_CACHE_PREFER_SHARED), "prefer shared memory"); !ok)
    return ok;
  return check(
      cuda.function_set_attribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, static_cast<int>(bytes)),
      fmt::format("allow {} bytes of dynamic shared memory", bytes));
}

Result<void> Function::launch(const LaunchShape& shape, const Stream& stream, std::span<void* const> arguments) const {
  const CudaApi& cuda = **cuda_api();
  const auto& [grid, block, shared, programmatic] = shape;
  auto** const values = const_cast<void**>(arguments.data());
  if (!programmatic) {
    return check(cuda.launch(as<CUfunction>(handle_), grid.x, grid.y, grid.z, block.x, block.y, block.z, shared,
                             as<CUstream>(stream.raw()), values, nullptr),
                 "launch a kernel");
  }
  CUlaunchAttribute attribute{};
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  const CUlaunchConfig config{.gridDimX = grid.x,
                              .gridDimY = grid.y,
                              .gridDimZ = grid.z,
                              .blockDimX = block.x,
                              .blockDimY = block.y,
                              .blockDimZ = block.z,
                              .sharedMemBytes = shared,
                              .hStream = as<CUstream>(stream.raw()),
                              .attrs = &attribute,
                              .numAttrs = 1};
  return check(cuda.launch_with_attributes(&config, as<CUfunction>(handle_), values, nullptr), "launch a kernel");
}

Result<int> Function::blocks_per_sm(int threads, unsigned shared_bytes) const {
  int blocks = 0;
  const auto result = (*cuda_api())->occupancy(&blocks, as<CUfunction>(handle_), threads, shared_bytes);
  if (auto ok = check(result, "ask for the occupancy of a kernel"); !ok) return std::unexpected(ok.error());
  return blocks;
}

Result<Module> Module::load(std::span<const std::byte> image) {
  auto api = cuda_api();
  if (!api) return std::unexpected(api.error());
  CUmodule raw = nullptr;
  if (auto ok = check((*api)->module_load(&raw, image.data()), "load a compiled kernel"); !ok)
    return std::unexpected(ok.error());
  Module module;
  module.handle_ = detail::Handle<detail::HandleKind::module>(number(raw));
  return module;
}

Result<Function> Module::function(const std::string& name) const {
  CUfunction raw = nullptr;
  const CUresult result = (*cuda_api())->module_function(&raw, as<CUmodule>(handle_.get()), name.c_str());
  if (result == CUDA_ERROR_NOT_FOUND)
    return fail(ErrorCode::not_found, fmt::format("the loaded module has no kernel {}", name));
  if (auto ok = check(result, fmt::format("find kernel {}", name)); !ok) return std::unexpected(ok.error());
  return Function(number(raw));
}

Result<GraphExec> GraphExec::capture(const Stream& stream, const std::function<Result<void>()>& record) {
  const CudaApi& cuda = **cuda_api();
  const auto raw_stream = as<CUstream>(stream.raw());
  if (auto ok = check(cuda.stream_begin_capture(raw_stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "begin a capture");
      !ok)
    return std::unexpected(ok.error());
  auto recorded = record();
  CUgraph raw_graph = nullptr;
  auto ended = check(cuda.stream_end_capture(raw_stream, &raw_graph), "end a capture");
  const detail::Handle<detail::HandleKind::graph> graph(number(raw_graph));
  if (!recorded) return std::unexpected(recorded.error());
  if (!ended) return std::unexpected(ended.error());
  CUgraphExec raw = nullptr;
  if (auto ok = check(cuda.graph_instantiate(&raw, raw_graph, 0), "instantiate a graph"); !ok)
    return std::unexpected(ok.error());
  GraphExec graph_exec;
  graph_exec.handle_ = detail::Handle<detail::HandleKind::graph_exec>(number(raw));
  return graph_exec;
}

Result<void> GraphExec::upload(const Stream& stream) const {
  return check((*cuda_api())->graph_upload(as<CUgraphExec>(handle_.get()), as<CUstream>(stream.raw())),
               "upload a graph");
}

Result<void> GraphExec::launch(const Stream& stream) const {
  return check((*cuda_api())->graph_launch(as<CUgraphExec>(handle_.get()), as<CUstream>(stream.raw())),
               "launch a graph");
}

}  // namespace moetune::kernels
