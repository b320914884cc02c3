#include "kernels/step_kernels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "kernels/source_digest.hpp"
#include "step_source.hpp"

namespace moetune::kernels {

enum class StepKernels::Kernel : std::size_t {
  align_naive,
  align_count,
  align_scan,
  align_scatter,
  activate,
  quantise,
  forget_scale,
  collect_scale,
  encode_by_scale,
  reduce,
  random_values,
  random_floats,
  random_routing,
  popular_routing,
  reference_gemm,
  round_rows,
  compare,
  count,
};

namespace {

constexpr std::array k_names{"align_naive",   "align_count",   "align_scan",     "align_scatter",   "activate",
                             "quantise",      "forget_scale",  "collect_scale",  "encode_by_scale", "reduce_topk",
                             "random_values", "random_floats", "random_routing", "popular_routing", "reference_gemm",
                             "round_rows",    "compare"};
constexpr unsigned k_threads = 256;
constexpr std::int64_t k_stride_blocks = 132 * 32;  // enough for kernels whose threads stride over their work

std::vector<SourceHeader> step_headers() {
  return {{"values.cuh", std::string(embedded::values_cuh)},
          {"alignment.cuh", std::string(embedded::alignment_cuh)},
          {"activation.cuh", std::string(embedded::activation_cuh)},
          {"random.cuh", std::string(embedded::random_cuh)},
          {"reference.cuh", std::string(embedded::reference_cuh)},
          {"routing.cuh", std::string(embedded::routing_cuh)}};
}

int type_code(Operand operand) {
  return static_cast<int>(operand);
}
int type_code(schema::ActDtype type) {
  return type_code(type == schema::ActDtype::float16 ? Operand::float16 : Operand::bfloat16);
}

LaunchShape blocks_for(std::int64_t threads, std::int64_t most = std::numeric_limits<std::int32_t>::max()) {
  const auto blocks = (threads + k_threads - 1) / k_threads;
  return {.grid = {.x = static_cast<unsigned>(std::clamp<std::int64_t>(blocks, 1, most))}, .block = {.x = k_threads}};
}

/// Launches with arguments whose types are exactly those of the kernel's parameters.
template <typename... Arguments>
Result<void> start(const Function& function, const LaunchShape& shape, const Stream& stream, Arguments... arguments) {
  const std::array<void*, sizeof...(Arguments)> pointers{&arguments...};
  return function.launch(shape, stream, pointers);
}

}  // namespace

const std::string& step_digest() {
  static const std::string digest = [] {
    auto parts = step_headers();
    parts.push_back({"step.cu", std::string(embedded::step_cu)});
    return digest_of(parts);
  }();
  return digest;
}

CompileRequest step_compile_request(const std::string& arch) {
  return {.name = "step.cu",
          .source = std::string(embedded::step_cu),
          .headers = step_headers(),
          .options = {"--std=c++17"},
          .arch = arch};
}

Result<StepKernels> StepKernels::load(std::span<const std::byte> cubin) {
  static_assert(k_names.size() == static_cast<std::size_t>(Kernel::count));
  auto module = Module::load(cubin);
  if (!module) return std::unexpected(module.error());
  StepKernels step;
  step.module_ = std::move(*module);
  for (const char* name : k_names) {
    auto function = step.module_.function(name);
    if (!function) return std::unexpected(function.error());
    step.functions_.push_back(*function);
  }
  return step;
}

Result<void> StepKernels::align(const Stream& stream, const schema::Problem& problem, std::int64_t batch,
                                int block_size_m, DeviceAddress topk_ids, const AlignmentPointers& out,
                                const AlignmentRule& rule) const {
  const auto shape = alignment_shape(problem, batch, block_size_m, rule);
  const int pairs = static_cast<int>(shape.pairs);
  if (shape.naive) {
    return start(function(Kernel::align_naive), blocks_for(pairs), stream, topk_ids, pairs, block_size_m,
                 out.expert_ids, out.num_tokens_post_padded);
  }
  const int experts = static_cast<int>(problem.num_experts);
  const DeviceAddress counts = out.workspace;
  const DeviceAddress offsets = out.workspace + static_cast<std::uint64_t>(experts) * sizeof(std::int32_t);
  const LaunchShape per_expert{.grid = {.x = static_cast<unsigned>(experts)}, .block = {.x = k_threads}};
  if (auto ok = start(function(Kernel::align_count), per_expert, stream, topk_ids, pairs, counts); !ok) return ok;
  const LaunchShape one_block{.grid = {}, .block = {.x = 1024}};
  if (auto ok = start(function(Kernel::align_scan), one_block, stream, counts, experts, block_size_m, offsets,
                      out.num_tokens_post_padded);
      !ok)
    return ok;
  const LaunchShape with_tail{.grid = {.x = static_cast<unsigned>(experts) + 1}, .block = {.x = k_threads}};
  return start(function(Kernel::align_scatter), with_tail, stream, topk_ids, pairs, experts, block_size_m, offsets,
               static_cast<int>(shape.sorted_size), static_cast<int>(shape.expert_blocks), out.sorted_token_ids,
               out.expert_ids);
}

Result<void> StepKernels::activate(const Stream& stream, const schema::Problem& problem, std::int64_t pairs,
                                   DeviceAddress in, DeviceAddress out) const {
  const auto n = problem.intermediate_size;
  return start(function(Kernel::activate), blocks_for(pairs * n), stream, in, out, static_cast<long long>(pairs),
               static_cast<int>(n), problem.gated ? 1 : 0, type_code(problem.act_dtype));
}

Result<void> StepKernels::quantise(const Stream& stream, const schema::Problem& problem, std::int64_t rows,
                                   std::int64_t k, DeviceAddress in, DeviceAddress out, DeviceAddress scale) const {
  if (!quantises_activations(problem))
    return schema::fail(ErrorCode::internal, "quantise: the problem's activations are not quantised");
  if (const auto scales = *scale_group(problem, 1, k); !scales.rows_share) {
    const auto groups = rows * ((k + scales.depth - 1) / scales.depth);
    return start(function(Kernel::quantise), blocks_for(groups * 32), stream, in, out, scale,
                 static_cast<long long>(rows), static_cast<int>(k), static_cast<int>(scales.depth),
                 type_code(problem.act_dtype));
  }
  const long long count = rows * k;
  auto done = start(function(Kernel::forget_scale), LaunchShape{}, stream, scale);
  if (done) {
    done = start(function(Kernel::collect_scale), blocks_for(count, k_stride_blocks), stream, in, scale, count,
                 type_code(problem.act_dtype));
  }
  return done ? quantise_by(stream, problem, rows, k, in, out, scale) : done;
}

Result<void> StepKernels::quantise_by(const Stream& stream, const schema::Problem& problem, std::int64_t rows,
                                      std::int64_t k, DeviceAddress in, DeviceAddress out, DeviceAddress scale) const {
  const long long count = rows * k;
  return start(function(Kernel::encode_by_scale), blocks_for(count, k_stride_blocks), stream, in, out, scale, count,
               type_code(problem.act_dtype));
}

Result<void> StepKernels::reduce(const Stream& stream, const schema::Problem& problem, std::int64_t batch,
                                 DeviceAddress in, DeviceAddress out) const {
  const auto n = problem.hidden_size;
  return start(function(Kernel::reduce), blocks_for(batch * n), stream, in, out, static_cast<long long>(batch),
               static_cast<int>(problem.topk), static_cast<int>(n), type_code(problem.act_dtype));
}

Result<void> StepKernels::random_values(const Stream& stream, Operand type, DeviceAddress out, std::int64_t count,
                                        float deviation, std::uint64_t seed) const {
  return start(function(Kernel::random_values), blocks_for(count, k_stride_blocks), stream, out,
               static_cast<long long>(count), type_code(type), deviation, static_cast<unsigned long long>(seed));
}

Result<void> StepKernels::random_floats(const Stream& stream, DeviceAddress out, std::int64_t count, float low,
                                        float high, std::uint64_t seed) const {
  return start(function(Kernel::random_floats), blocks_for(count, k_stride_blocks), stream, out,
               static_cast<long long>(count), low, high, static_cast<unsigned long long>(seed));
}

Result<void> StepKernels::random_routing(const Stream& stream, const schema::Problem& problem, std::int64_t batch,
                                         DeviceAddress topk_ids, DeviceAddress topk_weights, std::uint64_t seed) const {
  return start(function(Kernel::random_routing), blocks_for(batch), stream, topk_ids, topk_weights,
               static_cast<int>(batch), static_cast<int>(problem.topk), static_cast<int>(problem.num_experts),
               static_cast<unsigned long long>(seed));
}

Result<void> StepKernels::popular_routing(const Stream& stream, const schema::Problem& problem, std::int64_t batch,
                                          DeviceAddress popularity, DeviceAddress topk_ids, DeviceAddress topk_weights,
                                          std::uint64_t seed) const {
  return start(function(Kernel::popular_routing), blocks_for(batch), stream, topk_ids, topk_weights, popularity,
               static_cast<int>(batch), static_cast<int>(problem.topk), static_cast<int>(problem.num_experts),
               static_cast<unsigned long long>(seed));
}

Result<void> StepKernels::reference_gemm(const Stream& stream, const schema::Problem& problem, std::int64_t batch,
                                         Gemm gemm, const GemmPointers& pointers, DeviceAddress topk_ids,
                                         const PairSample& sample, DeviceAddress out) const {
  const auto shape = gemm_shape(problem, batch, gemm);
  const auto group = scale_group(problem, shape.n, shape.k).value_or(ScaleGroup{.columns = 1, .depth = shape.k});
  const auto a_row_scales = group.rows_share ? 0 : (shape.k + group.depth - 1) / group.depth;
  auto launch_shape = blocks_for(shape.n);
  launch_shape.grid.y = static_cast<unsigned>(std::clamp<std::int64_t>(sample.count, 1, 65535));
  return start(function(Kernel::reference_gemm), launch_shape, stream, pointers.a, pointers.w, pointers.a_scale,
               pointers.w_scale, pointers.topk_weights, topk_ids, out, static_cast<long long>(sample.first),
               static_cast<long long>(sample.step), static_cast<long long>(sample.count), static_cast<int>(shape.n),
               static_cast<int>(shape.k), static_cast<int>(shape.top_k), shape.mul_routed_weight ? 1 : 0,
               static_cast<int>(group.columns), static_cast<int>(group.depth), static_cast<int>(a_row_scales),
               type_code(activation_operand(problem)), type_code(weight_operand(problem)));
}

Result<void> StepKernels::round_rows(const Stream& stream, const schema::Problem& problem, DeviceAddress in,
                                     std::int64_t n, const PairSample& sample, DeviceAddress out) const {
  return start(function(Kernel::round_rows), blocks_for(sample.count * n, k_stride_blocks), stream, in, out,
               static_cast<long long>(sample.first), static_cast<long long>(sample.step),
               static_cast<long long>(sample.count), static_cast<int>(n), type_code(problem.act_dtype));
}

Result<double> StepKernels::relative_error(const Stream& stream, const schema::Problem& problem, DeviceAddress c,
                                           std::int64_t n, const PairSample& sample, DeviceAddress expected,
                                           const DeviceBuffer& workspace) const {
  std::array<double, 2> sums{};
  if (workspace.size() < sizeof sums)
    return schema::fail(ErrorCode::internal, "relative_error: the workspace is smaller than 16 bytes");
  if (auto ok = workspace.upload(std::as_bytes(std::span(sums))); !ok) return std::unexpected(ok.error());
  auto started = start(function(Kernel::compare), blocks_for(sample.count * n, k_stride_blocks), stream, c, expected,
                       workspace.address(), static_cast<long long>(sample.first), static_cast<long long>(sample.step),
                       static_cast<long long>(sample.count), static_cast<int>(n), type_code(problem.act_dtype));
  if (!started) return std::unexpected(started.error());
  if (auto ok = stream.synchronize(); !ok) return std::unexpected(ok.error());
  if (auto ok = workspace.download(std::as_writable_bytes(std::span(sums))); !ok) return std::unexpected(ok.error());
  return std::sqrt(sums[0] / sums[1]);
}

}  // namespace moetune::kernels
