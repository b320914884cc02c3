#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/error.hpp"

namespace moetune::kernels {

using schema::Error;
using schema::ErrorCode;
using schema::Result;

/// An address in device memory, 0 being null.
using DeviceAddress = std::uint64_t;

/// The name of the CUDA error behind `error` ("CUDA_ERROR_ILLEGAL_ADDRESS"), empty when there is none.
std::string cuda_error_name(const Error& error);

/// True when the error has poisoned the CUDA context (illegal address, launch failure, ...): every later call fails
/// too, and only the end of the process helps.
bool is_sticky(const Error& error);

/// True when the device could not provide what a launch or an allocation asked for (registers, shared memory, memory).
bool is_out_of_resources(const Error& error);

/// Loads libcuda and initialises it. Errors: unavailable, saying what is missing (no libcuda, no device, ...).
Result<void> open_cuda_driver();
/// E.g. 13000 for CUDA 13.0: the newest version that the driver supports.
Result<int> cuda_driver_version();
Result<int> device_count();

/// Facts about one device.
struct DeviceInfo {
  std::string name;  ///< as the driver says it, e.g. "NVIDIA H200"
  std::string uuid;  ///< "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", as NVML writes it
  int cc_major = 0;
  int cc_minor = 0;
  int sm_count = 0;
  std::int64_t l2_bytes = 0;
  std::int64_t shared_optin_bytes = 0;  ///< most dynamic + static shared memory of one block
  std::int64_t total_memory = 0;
  bool integrated = false;  ///< memory is shared with the host (GB10 and the like)
  bool operator==(const DeviceInfo&) const = default;
};
Result<DeviceInfo> device_info(int device);

struct MemoryInfo {
  std::int64_t free = 0;
  std::int64_t total = 0;
};

namespace detail {
/// Calls the driver function that releases `handle`; errors are ignored, as destructors must.
enum class HandleKind { context, module, buffer, stream, event, graph, graph_exec };
void release(HandleKind kind, std::uint64_t handle) noexcept;

/// A move-only driver handle; 0 is empty.
template <HandleKind kind>
class Handle {
 public:
  Handle() = default;
  explicit Handle(std::uint64_t value) : value_(value) {}
  Handle(Handle&& other) noexcept : value_(std::exchange(other.value_, 0)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Handle() {
    if (value_ != 0) release(kind, value_);
  }
  std::uint64_t get() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};
}  // namespace detail

/// The primary context of one device, made current on the thread that opens it. Everything else in this header works
/// on the context that is current; objects must go before their context.
class Context {
 public:
  static Result<Context> open(int device);
  /// For use on another thread than the one that opened it.
  Result<void> make_current() const;
  const DeviceInfo& device() const { return info_; }
  Result<MemoryInfo> memory() const;
  /// Waits for all work; reports errors of kernels that ran since the last check.
  Result<void> synchronize() const;

 private:
  Context() = default;
  // The handle is device + 1: a primary context is released by its device.
  detail::Handle<detail::HandleKind::context> retained_;
  std::uint64_t context_ = 0;
  DeviceInfo info_;
};

/// A stream that does not wait for the null stream.
class Stream {
 public:
  static Result<Stream> create();
  /// A view of somebody else's stream (a CUstream; 0 is the null stream), which must outlive it.
  static Stream borrowed(std::uint64_t raw);
  Result<void> synchronize() const;
  std::uint64_t raw() const { return handle_.get() != 0 ? handle_.get() : borrowed_; }

 private:
  detail::Handle<detail::HandleKind::stream> handle_;
  std::uint64_t borrowed_ = 0;
};

/// A point in a stream, with time stamp.
class Event {
 public:
  static Result<Event> create();
  Result<void> record(const Stream& stream) const;
  /// While `stream` is being captured: a node of the graph that stamps the time in every replay, free of the launch's
  /// own latency. done() and synchronize() say nothing about such an event: record another one behind the launch.
  Result<void> record_in_graph(const Stream& stream) const;
  Result<void> synchronize() const;
  /// False while the work before the event still runs.
  Result<bool> done() const;

  /// Microseconds from `from` to `to`, both done.
  static Result<double> elapsed_us(const Event& from, const Event& to);

 private:
  detail::Handle<detail::HandleKind::event> handle_;
};

/// Owned device memory. Copies are complete when the call returns.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  /// Zero bytes give an empty buffer with address 0. Errors: unavailable when the device has not that much memory.
  static Result<DeviceBuffer> allocate(std::size_t bytes);
  DeviceAddress address() const { return handle_.get(); }
  std::size_t size() const { return bytes_; }
  Result<void> upload(std::span<const std::byte> bytes, std::size_t offset = 0) const;
  Result<void> download(std::span<std::byte> bytes, std::size_t offset = 0) const;
  /// Sets every byte, or the first `bytes` of them, ordered in `stream`.
  Result<void> fill(std::uint8_t value, const Stream& stream, std::size_t bytes = SIZE_MAX) const;

 private:
  detail::Handle<detail::HandleKind::buffer> handle_;
  std::size_t bytes_ = 0;
};

struct Dim3 {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
  bool operator==(const Dim3&) const = default;
};

struct LaunchShape {
  Dim3 grid;
  Dim3 block;
  unsigned shared_bytes = 0;  ///< dynamic shared memory
  bool programmatic = false;  ///< may begin before the launch in front of it has ended, as its code arranges
  bool operator==(const LaunchShape&) const = default;
};

/// What the compiled code of a kernel takes.
struct FunctionAttributes {
  int registers = 0;      ///< per thread
  int local_bytes = 0;    ///< per thread; more than 0 usually means spilled registers
  int static_shared = 0;  ///< bytes per block
  int max_threads = 0;    ///< per block, as compiled
};

/// A kernel in a loaded Module; a plain view that lives as long as its module.
class Function {
 public:
  Result<FunctionAttributes> attributes() const;
  /// Lets launches use up to `bytes` of dynamic shared memory and prefers shared memory over L1 beyond 48 KiB.
  Result<void> allow_shared(unsigned bytes) const;
  /// `arguments` points at one value per kernel parameter, as cuLaunchKernel wants it.
  Result<void> launch(const LaunchShape& shape, const Stream& stream, std::span<void* const> arguments) const;
  /// How many blocks of `threads` with that much dynamic shared memory run on one multiprocessor at once.
  Result<int> blocks_per_sm(int threads, unsigned shared_bytes) const;

 private:
  friend class Module;
  explicit Function(std::uint64_t handle) : handle_(handle) {}
  std::uint64_t handle_;
};

/// A cubin (or PTX) loaded into the current context.
class Module {
 public:
  static Result<Module> load(std::span<const std::byte> image);
  /// Errors: not_found when the module has no such kernel.
  Result<Function> function(const std::string& name) const;

 private:
  detail::Handle<detail::HandleKind::module> handle_;
};

/// A captured sequence of launches, ready to be replayed.
class GraphExec {
 public:
  /// Captures what `record` launches into `stream` and instantiates it. An error of `record` is returned.
  static Result<GraphExec> capture(const Stream& stream, const std::function<Result<void>()>& record);
  /// Moves the graph to the device, so that the first launch costs no more than the next.
  Result<void> upload(const Stream& stream) const;
  Result<void> launch(const Stream& stream) const;

 private:
  detail::Handle<detail::HandleKind::graph_exec> handle_;
};

}  // namespace moetune::kernels
