#include "kernels/triton_launch.hpp"

#include <fmt/format.h>

#include <limits>
#include <map>

#include "schema/strict_json.hpp"

namespace moetune::kernels {
namespace {

using nlohmann::json;
using schema::fail;
using schema::ObjectReader;

constexpr std::size_t k_max_parameters = 64;
constexpr int k_max_warps = 64;

std::int64_t ceil_div(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

schema::Result<std::vector<TritonParameter>> parameters_of(const json& value) {
  if (!value.is_array() || value.empty() || value.size() > k_max_parameters) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("launch.parameters must be a list of 1 to {} objects", k_max_parameters));
  }
  std::vector<TritonParameter> parameters;
  for (const json& item : value) {
    ObjectReader reader(item, "launch.parameters");
    TritonParameter parameter;
    parameter.name = reader.text("name");
    parameter.type = reader.text("type");
    if (auto done = reader.finish(); !done) return std::unexpected(done.error());
    const bool known = parameter.type.starts_with('*') || parameter.type == "i32" || parameter.type == "i64";
    if (!known) {
      return fail(ErrorCode::invalid_argument, fmt::format("parameter {} has the type {}, which moetune cannot pass",
                                                           parameter.name, parameter.type));
    }
    parameters.push_back(std::move(parameter));
  }
  return parameters;
}

/// Strides of the scales as the engines' launcher passes them, in elements; 0 where there is none.
struct ScaleStrides {
  std::int64_t asm_ = 0, ask = 0, bse = 0, bsk = 0, bsn = 0;
};

ScaleStrides scale_strides(const schema::Problem& problem, const GemmShape& shape) {
  if (problem.dtype == schema::Dtype::fp8_w8a8 && problem.block_shape) {
    const std::int64_t blocks_k = ceil_div(shape.k, problem.block_shape->k);
    return {.asm_ = blocks_k,
            .ask = 1,
            .bse = ceil_div(shape.n, problem.block_shape->n) * blocks_k,
            .bsk = 1,
            .bsn = blocks_k};
  }
  if (problem.dtype == schema::Dtype::fp8_w8a8 && problem.per_channel_quant) {
    return {.asm_ = 1, .ask = 1, .bse = shape.n, .bsk = 1, .bsn = 1};
  }
  if (problem.dtype == schema::Dtype::int8_w8a16) return {.bse = shape.n, .bsn = 1};
  return {};
}

/// Every run-time value that an engine passes, by the name of its parameter.
std::map<std::string, std::int64_t> values_of(const GemmCall& call) {
  const auto shape = gemm_shape(call.problem, call.batch, call.gemm);
  const auto scales = scale_strides(call.problem, shape);
  const auto address = [](DeviceAddress pointer) { return static_cast<std::int64_t>(pointer); };
  const GemmPointers& pointers = call.pointers;
  return {
      {"a_ptr", address(pointers.a)},
      {"b_ptr", address(pointers.w)},
      {"c_ptr", address(pointers.c)},
      {"a_scale_ptr", address(pointers.a_scale)},
      {"b_scale_ptr", address(pointers.w_scale)},
      {"topk_weights_ptr", address(pointers.topk_weights)},
      {"sorted_token_ids_ptr", address(pointers.sorted_token_ids)},
      {"expert_ids_ptr", address(pointers.expert_ids)},
      {"num_tokens_post_padded_ptr", address(pointers.num_tokens_post_padded)},
      {"N", shape.n},
      {"K", shape.k},
      {"EM", launch_rows(call.problem, call.batch, call.config.block_size_m, call.gemm, call.rule)},
      {"num_valid_tokens", call.batch * call.problem.topk},
      {"stride_am", shape.k},
      {"stride_ak", 1},
      {"stride_be", shape.n * shape.k},
      {"stride_bk", 1},
      {"stride_bn", shape.k},
      {"stride_cm", shape.n},
      {"stride_cn", 1},
      {"stride_asm", scales.asm_},
      {"stride_ask", scales.ask},
      {"stride_bse", scales.bse},
      {"stride_bsk", scales.bsk},
      {"stride_bsn", scales.bsn},
      {"stride_bbe", 0},
      {"stride_bbn", 0},
      {"stride_bias_e", 0},
      {"stride_bias_n", 0},
      {"GROUP_SIZE_M", call.config.group_size_m},
      {"global_scratch", 0},
      {"profile_scratch", 0},
  };
}

}  // namespace

schema::Result<TritonLaunch> triton_launch_from_json(const json& value) {
  ObjectReader reader(value, "launch");
  TritonLaunch launch;
  launch.name = reader.text("name");
  launch.num_warps = static_cast<int>(reader.integer("num_warps", 1, k_max_warps));
  launch.num_ctas = static_cast<int>(reader.integer("num_ctas", 1, k_max_warps));
  launch.launch_pdl = reader.boolean_or("launch_pdl", false);
  launch.cooperative = reader.boolean_or("launch_cooperative_grid", false);
  launch.global_scratch_bytes = reader.integer("global_scratch_bytes", 0, ObjectReader::k_max);
  launch.profile_scratch_bytes = reader.integer("profile_scratch_bytes", 0, ObjectReader::k_max);
  reader.integer("global_scratch_align", 0, ObjectReader::k_max);
  reader.integer("profile_scratch_align", 0, ObjectReader::k_max);
  const json* parameters = reader.required_raw("parameters");
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  auto read = parameters_of(*parameters);
  if (!read) return std::unexpected(read.error());
  launch.parameters = std::move(*read);
  if (launch.num_ctas != 1 || launch.cooperative || launch.global_scratch_bytes > 0 ||
      launch.profile_scratch_bytes > 0) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("launch: {} asks for a cluster, a cooperative grid or scratch memory, which moetune does not "
                    "give",
                    launch.name));
  }
  return launch;
}

schema::Result<TritonArguments> TritonArguments::of(const TritonLaunch& launch, const GemmCall& call) {
  const auto known = values_of(call);
  TritonArguments arguments;
  arguments.values_.reserve(launch.parameters.size());
  for (const TritonParameter& parameter : launch.parameters) {
    const auto found = known.find(parameter.name);
    if (found == known.end()) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("the kernel has a parameter that moetune cannot supply: {}", parameter.name));
    }
    if (parameter.type == "i32" && found->second > std::numeric_limits<std::int32_t>::max()) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} is {}, which its type i32 does not hold", parameter.name, found->second));
    }
    arguments.values_.push_back(static_cast<std::uint64_t>(found->second));
  }
  for (std::uint64_t& value : arguments.values_) arguments.pointers_.push_back(&value);
  return arguments;
}

std::int64_t triton_grid(const GemmCall& call) {
  const auto shape = gemm_shape(call.problem, call.batch, call.gemm);
  const auto em = launch_rows(call.problem, call.batch, call.config.block_size_m, call.gemm, call.rule);
  return ceil_div(em, call.config.block_size_m) * ceil_div(shape.n, call.config.block_size_n);
}

}  // namespace moetune::kernels
