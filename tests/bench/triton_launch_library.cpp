// The product's launch of a Triton kernel behind a plain C interface, so that Python can hold it against Triton's own
// launcher on the same tensors. Nothing is launched here but by kernels/triton_gemm, nothing captured or timed but by
// kernels/cuda_driver. The library makes no context: it works in the one that is current on the calling thread,
// PyTorch's primary context for instance. Functions that fail return 0, null or -1, and moetune_error() says why.
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "kernels/triton_gemm.hpp"
#include "schema/strict_json.hpp"

namespace moetune::kernels {
namespace {

thread_local std::string g_error;

struct LoadedKernel {
  std::unique_ptr<GemmKernel> kernel;
};

struct TimedGraph {
  Event begin, end;
  GraphExec exec;
};

/// Exceptions stop here: Python knows none.
template <typename Value, typename Work>
Value guarded(Value failed, const Work& work) {
  try {
    auto result = work();
    if (result) return std::move(*result);
    g_error = result.error().message;
  } catch (const std::exception& error) {
    g_error = error.what();
  }
  return failed;
}

/// `call`: {"problem", "config", "batch", "gemm": 1 or 2, "alignment"}. `pointers`: device addresses in the order of
/// GemmPointers.
Result<GemmCall> call_of(const char* call, const std::uint64_t* pointers) {
  const auto value = nlohmann::json::parse(call);
  schema::ObjectReader reader(value, "call");
  const auto* problem = reader.required_raw("problem");
  const auto* config = reader.required_raw("config");
  const auto batch = reader.integer("batch", 1, schema::k_max_batch);
  const auto gemm = reader.integer("gemm", 1, 2);
  const auto* alignment = reader.required_raw("alignment");
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  const auto rule = alignment_rule_from_json(*alignment);
  if (!rule) return std::unexpected(rule.error());

  schema::ObjectReader problem_reader(*problem, "problem");
  const auto read = schema::read_problem(problem_reader, schema::Absent::none);
  if (auto done = problem_reader.finish(); !done) return std::unexpected(done.error());
  const auto tile = schema::tile_config_from_json(*config);
  if (!tile) return std::unexpected(tile.error());
  return GemmCall{.problem = read,
                  .config = *tile,
                  .batch = batch,
                  .gemm = gemm == 1 ? Gemm::first : Gemm::second,
                  .rule = *rule,
                  .pointers = {.a = pointers[0],
                               .w = pointers[1],
                               .c = pointers[2],
                               .a_scale = pointers[3],
                               .w_scale = pointers[4],
                               .topk_weights = pointers[5],
                               .sorted_token_ids = pointers[6],
                               .expert_ids = pointers[7],
                               .num_tokens_post_padded = pointers[8]}};
}

Result<LoadedKernel*> load(const char* launch, std::span<const std::byte> cubin, std::int64_t shared_bytes,
                           int device) {
  auto read = triton_launch_from_json(nlohmann::json::parse(launch));
  if (!read) return std::unexpected(read.error());
  const auto info = device_info(device);
  if (!info) return std::unexpected(info.error());
  auto kernel = TritonGemm::load(std::move(*read), cubin, shared_bytes, info->shared_optin_bytes);
  if (!kernel) return std::unexpected(kernel.error());
  return std::make_unique<LoadedKernel>(std::move(*kernel)).release();
}

Result<TimedGraph*> capture(const Stream& stream, const std::function<Result<void>()>& record) {
  auto begin = Event::create();
  if (!begin) return std::unexpected(begin.error());
  auto end = Event::create();
  if (!end) return std::unexpected(end.error());
  auto exec = GraphExec::capture(stream, [&] {
    auto done = begin->record_in_graph(stream);
    if (done) done = record();
    if (done) done = end->record_in_graph(stream);
    return done;
  });
  if (!exec) return std::unexpected(exec.error());
  if (auto uploaded = exec->upload(stream); !uploaded) return std::unexpected(uploaded.error());
  return std::make_unique<TimedGraph>(std::move(*begin), std::move(*end), std::move(*exec)).release();
}

Result<int> succeeded(const Result<void>& result) {
  if (!result) return std::unexpected(result.error());
  return 1;
}

}  // namespace
}  // namespace moetune::kernels

namespace mk = moetune::kernels;

extern "C" {
#pragma GCC visibility push(default)

/// What the last failed call of this thread failed with.
const char* moetune_error() {
  return mk::g_error.c_str();
}

/// `launch`: the JSON of a compile reply's "launch". The cubin is loaded into the current context, which is one of
/// `device`. Null when it does not fit the device or cannot be loaded.
mk::LoadedKernel* moetune_load(const char* launch, const void* cubin, std::size_t cubin_bytes,
                               std::int64_t shared_bytes, int device) {
  return mk::guarded<mk::LoadedKernel*>(nullptr, [&] {
    return mk::load(launch, {static_cast<const std::byte*>(cubin), cubin_bytes}, shared_bytes, device);
  });
}

void moetune_unload(mk::LoadedKernel* kernel) {
  delete kernel;
}

/// Launches one GEMM (see call_of()) into the CUstream `stream`: 1, or 0 when it fails.
int moetune_launch(const mk::LoadedKernel* kernel, const char* call, const std::uint64_t* pointers,
                   std::uint64_t stream) {
  return mk::guarded(0, [&]() -> mk::Result<int> {
    const auto read = mk::call_of(call, pointers);
    if (!read) return std::unexpected(read.error());
    return mk::succeeded(kernel->kernel->launch(mk::Stream::borrowed(stream), *read));
  });
}

/// What such a launch would pass: fills `values`, one for each of the kernel's parameters (`capacity` at most), and
/// `grid`; returns how many parameters there are, -1 on failure. Needs no driver.
int moetune_arguments(const char* launch, const char* call, const std::uint64_t* pointers, std::uint64_t* values,
                      int capacity, std::int64_t* grid) {
  return mk::guarded(-1, [&]() -> mk::Result<int> {
    const auto kernel = mk::triton_launch_from_json(nlohmann::json::parse(launch));
    if (!kernel) return std::unexpected(kernel.error());
    const auto read = mk::call_of(call, pointers);
    if (!read) return std::unexpected(read.error());
    const auto arguments = mk::TritonArguments::of(*kernel, *read);
    if (!arguments) return std::unexpected(arguments.error());
    *grid = mk::triton_grid(*read);
    for (int i = 0; i < capacity && i < static_cast<int>(arguments->values().size()); ++i) {
      values[i] = arguments->values()[static_cast<std::size_t>(i)];
    }
    return static_cast<int>(arguments->values().size());
  });
}

/// Captures what `record` launches into `stream`, between two time stamps. `record` returns 1 when all went well.
mk::TimedGraph* moetune_capture(std::uint64_t stream, int (*record)()) {
  return mk::guarded<mk::TimedGraph*>(nullptr, [&] {
    return mk::capture(mk::Stream::borrowed(stream), [&]() -> mk::Result<void> {
      if (record() == 1) return {};
      return moetune::schema::fail(mk::ErrorCode::internal, "the launches to be captured failed");
    });
  });
}

/// Starts a replay and does not wait for it.
int moetune_replay(const mk::TimedGraph* graph, std::uint64_t stream) {
  return mk::guarded(0, [&] { return mk::succeeded(graph->exec.launch(mk::Stream::borrowed(stream))); });
}

/// Microseconds between the time stamps of the last replay, which has ended; -1 on failure.
double moetune_elapsed_us(const mk::TimedGraph* graph) {
  return mk::guarded(-1.0, [&] { return mk::Event::elapsed_us(graph->begin, graph->end); });
}

void moetune_release(mk::TimedGraph* graph) {
  delete graph;
}

#pragma GCC visibility pop
}
