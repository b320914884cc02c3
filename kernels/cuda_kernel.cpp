#include "kernels/cuda_kernel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "gemm_source.hpp"
#include "kernels/source_digest.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::kernels {

using schema::ErrorCode;
using schema::fail;

namespace {

constexpr int k_scale_bytes = 4;
constexpr int k_row_bytes = 8;  // the kernel keeps token id and router weight of every row of its tile
constexpr int k_buffer_alignment = 1024;

std::int64_t ceil_div(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

std::vector<SourceHeader> gemm_headers() {
  return {{"tile_order.cuh", std::string(embedded::tile_order_cuh)},
          {"numbers.cuh", std::string(embedded::numbers_cuh)},
          {"async_copy.cuh", std::string(embedded::async_copy_cuh)},
          {"tile_shape.cuh", std::string(embedded::tile_shape_cuh)},
          {"tile_loader.cuh", std::string(embedded::tile_loader_cuh)},
          {"mma_sync.cuh", std::string(embedded::mma_sync_cuh)},
          {"warpgroup_mma.cuh", std::string(embedded::warpgroup_mma_cuh)},
          {"epilogue.cuh", std::string(embedded::epilogue_cuh)}};
}

/// Columns of the weight scales that one tile of BLOCK_SIZE_N columns touches.
int scale_columns(const Variant& variant) {
  return static_cast<int>(ceil_div(variant.block_size_n, std::min(variant.block_size_n, variant.block_shape->n)));
}

Result<void> check_power_of_two(std::string_view name, int value, int low, int high) {
  if (value >= low && value <= high && std::has_single_bit(static_cast<unsigned>(value))) return {};
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("{} must be a power of two from {} to {} for the kernel cuda, not {}", name, low, high, value));
}

}  // namespace

std::string canonical_text(const Variant& variant) {
  return fmt::format(
      "arch={} operand={} output={} block_shape={} BLOCK_SIZE_M={} BLOCK_SIZE_N={} BLOCK_SIZE_K={} num_warps={} "
      "num_stages={}",
      variant.arch, name_of(variant.operand), schema::name_of(variant.output),
      variant.block_shape ? fmt::format("{}x{}", variant.block_shape->n, variant.block_shape->k) : "none",
      variant.block_size_m, variant.block_size_n, variant.block_size_k, variant.num_warps, variant.num_stages);
}

const std::string& kernel_digest() {
  static const std::string digest = [] {
    auto parts = gemm_headers();
    parts.push_back({"moe_gemm.cu", std::string(embedded::moe_gemm_cu)});
    return digest_of(parts);
  }();
  return digest;
}

std::string arch_of(int cc_major, int cc_minor) {
  return compile_arch_of(fmt::format("sm_{}{}", cc_major, cc_minor));
}

std::string compile_arch_of(const std::string& arch) {
  // wgmma exists in the architecture-specific target only.
  return arch == "sm_90" ? "sm_90a" : arch;
}

std::optional<std::int64_t> shared_limit_of(std::string_view arch) {
  constexpr std::pair<std::string_view, int> k_kibibytes[] = {
      {"sm_80", 163},  {"sm_86", 99},   {"sm_87", 163},  {"sm_89", 99},  {"sm_90", 227},
      {"sm_90a", 227}, {"sm_100", 227}, {"sm_103", 227}, {"sm_120", 99}, {"sm_121", 99},
  };
  for (const auto& [name, kibibytes] : k_kibibytes) {
    if (name == arch) return std::int64_t{kibibytes} * 1024;
  }
  return std::nullopt;
}

Result<void> check_supported(const schema::Problem& problem) {
  if (auto measurable = check_measurable(problem); !measurable) return measurable;
  const bool plain = problem.dtype == schema::Dtype::none;
  const bool fp8_block = problem.dtype == schema::Dtype::fp8_w8a8 && problem.block_shape.has_value();
  if ((!plain && !fp8_block) || problem.per_channel_quant) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("the kernel cuda computes bf16, fp16 and fp8_w8a8 with block_shape, not {}: the Triton "
                            "kernels (vllm, sglang, builtin) do",
                            schema::short_text(problem)));
  }
  if (fp8_block) {
    if (auto ok = check_power_of_two("block_shape's first number", problem.block_shape->n, 16, 1024); !ok) return ok;
    if (auto ok = check_power_of_two("block_shape's second number", problem.block_shape->k, 32, 1024); !ok) return ok;
  }
  const std::int64_t multiple = fp8_block ? 16 : 8;
  for (const auto& [name, value] : {std::pair{"hidden_size", problem.hidden_size}, {"N", problem.intermediate_size}}) {
    if (value % multiple != 0) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} must be a multiple of {} for the kernel cuda (rows of whole 16 bytes), not {}", name,
                              multiple, value));
    }
  }
  return {};
}

Result<Variant> make_variant(const schema::Problem& problem, const schema::TileConfig& config, std::string_view arch) {
  if (auto ok = check_supported(problem); !ok) return std::unexpected(ok.error());
  const bool fp8 = problem.dtype == schema::Dtype::fp8_w8a8;
  const bool half = problem.act_dtype == schema::ActDtype::float16;
  const auto effective = schema::effective_config(problem, config);
  const int min_k = fp8 ? 32 : 16;
  for (const auto& [name, value, low, high] : {
           std::tuple{"BLOCK_SIZE_M", effective.block_size_m, 16, 256},
           {"BLOCK_SIZE_N", effective.block_size_n, 16, 256},
           {"BLOCK_SIZE_K", effective.block_size_k, min_k, 256},
           {"num_warps", effective.num_warps, 1, 16},
       }) {
    if (auto ok = check_power_of_two(name, value, low, high); !ok) return std::unexpected(ok.error());
  }
  if (effective.num_stages < 1 || effective.num_stages > 16) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("num_stages must be 1 to 16 for the kernel cuda, not {}", effective.num_stages));
  }
  return Variant{.arch = std::string(arch),
                 .operand = fp8    ? Operand::fp8_e4m3
                            : half ? Operand::float16
                                   : Operand::bfloat16,
                 .output = problem.act_dtype,
                 .block_shape = problem.block_shape,
                 .block_size_m = effective.block_size_m,
                 .block_size_n = effective.block_size_n,
                 .block_size_k = effective.block_size_k,
                 .num_warps = effective.num_warps,
                 .num_stages = effective.num_stages};
}

std::int64_t shared_bytes(const Variant& variant) {
  const std::int64_t rows = variant.block_size_m + variant.block_size_n;
  const std::int64_t buffer =
      ceil_div(rows * variant.block_size_k * bytes_of(variant.operand), k_buffer_alignment) * k_buffer_alignment;
  const std::int64_t scales = variant.block_shape ? (variant.block_size_m + scale_columns(variant)) * k_scale_bytes : 0;
  return variant.num_stages * (buffer + scales) + variant.block_size_m * k_row_bytes;
}

bool fits(const Variant& variant, std::int64_t shared_limit) {
  return shared_bytes(variant) <= shared_limit;
}

CompileRequest compile_request(const Variant& variant, const std::vector<std::string>& extra) {
  CompileRequest request;
  request.name = "moe_gemm.cu";
  request.source = embedded::moe_gemm_cu;
  request.headers = gemm_headers();
  request.arch = variant.arch;
  const bool fp8 = variant.operand == Operand::fp8_e4m3;
  request.options = {
      "--std=c++17",
      fmt::format("-DMOETUNE_OPERAND_{}", fp8                                   ? "FP8"
                                          : variant.operand == Operand::float16 ? "F16"
                                                                                : "BF16"),
      fmt::format("-DMOETUNE_OUTPUT_{}", variant.output == schema::ActDtype::float16 ? "F16" : "BF16"),
      fmt::format("-DBLOCK_SIZE_M={}", variant.block_size_m),
      fmt::format("-DBLOCK_SIZE_N={}", variant.block_size_n),
      fmt::format("-DBLOCK_SIZE_K={}", variant.block_size_k),
      fmt::format("-DNUM_WARPS={}", variant.num_warps),
      fmt::format("-DNUM_STAGES={}", variant.num_stages),
  };
  if (variant.block_shape) {
    request.options.push_back(fmt::format("-DQUANT_BLOCK_N={}", variant.block_shape->n));
    request.options.push_back(fmt::format("-DQUANT_BLOCK_K={}", variant.block_shape->k));
  }
  request.options.insert(request.options.end(), extra.begin(), extra.end());
  return request;
}

std::array<void*, GemmLaunch::k_parameters> GemmLaunch::pack() {
  return {&pointers.a,
          &pointers.w,
          &pointers.c,
          &pointers.a_scale,
          &pointers.w_scale,
          &pointers.topk_weights,
          &pointers.sorted_token_ids,
          &pointers.expert_ids,
          &pointers.num_tokens_post_padded,
          &n,
          &k,
          &em,
          &num_valid_tokens,
          &stride_am,
          &stride_be,
          &stride_bn,
          &stride_cm,
          &stride_asm,
          &stride_bse,
          &stride_bsn,
          &top_k,
          &mul_routed_weight,
          &group_size_m};
}

GemmLaunch gemm_launch(const schema::Problem& problem, const schema::TileConfig& config, const Variant& variant,
                       std::int64_t batch, Gemm gemm, const GemmPointers& pointers) {
  const auto shape = gemm_shape(problem, batch, gemm);
  const auto em = launch_rows(problem, batch, variant.block_size_m, gemm);
  GemmLaunch launch;
  launch.pointers = pointers;
  launch.n = static_cast<std::int32_t>(shape.n);
  launch.k = static_cast<std::int32_t>(shape.k);
  launch.em = static_cast<std::int32_t>(em);
  launch.num_valid_tokens = static_cast<std::int32_t>(batch * problem.topk);
  launch.stride_am = static_cast<std::int32_t>(shape.k);
  launch.stride_be = shape.n * shape.k;
  launch.stride_bn = static_cast<std::int32_t>(shape.k);
  launch.stride_cm = static_cast<std::int32_t>(shape.n);
  if (variant.block_shape) {
    const auto scale_k = ceil_div(shape.k, variant.block_shape->k);
    launch.stride_asm = static_cast<std::int32_t>(scale_k);
    launch.stride_bsn = static_cast<std::int32_t>(scale_k);
    launch.stride_bse = static_cast<std::int32_t>(scale_k * ceil_div(shape.n, variant.block_shape->n));
  }
  launch.top_k = static_cast<std::int32_t>(shape.top_k);
  launch.mul_routed_weight = shape.mul_routed_weight ? 1 : 0;
  launch.group_size_m = config.group_size_m;
  const auto blocks = ceil_div(em, variant.block_size_m) * ceil_div(shape.n, variant.block_size_n);
  launch.shape = {.grid = {.x = static_cast<unsigned>(blocks)},
                  .block = {.x = static_cast<unsigned>(variant.num_warps * 32)},
                  .shared_bytes = static_cast<unsigned>(shared_bytes(variant))};
  return launch;
}

Result<void> launch(const Function& function, GemmLaunch launch, const Stream& stream) {
  const auto arguments = launch.pack();
  return function.launch(launch.shape, stream, arguments);
}

}  // namespace moetune::kernels
