#include "kernels/quantisation.hpp"

#include <fmt/format.h>

#include <string>

namespace moetune::kernels {
namespace {

using schema::Dtype;
using schema::ErrorCode;
using schema::fail;
using schema::Problem;

std::int64_t ceil_div(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

Result<void> refuse(const std::string& reason) {
  return fail(ErrorCode::invalid_argument, reason);
}

}  // namespace

std::string_view name_of(Operand operand) {
  switch (operand) {
    case Operand::bfloat16:
      return "bfloat16";
    case Operand::float16:
      return "float16";
    case Operand::fp8_e4m3:
      return "fp8_e4m3";
    case Operand::int8:
      return "int8";
  }
  return "unknown";
}

int bytes_of(Operand operand) {
  return operand == Operand::bfloat16 || operand == Operand::float16 ? 2 : 1;
}

Result<void> check_measurable(const Problem& problem) {
  if (auto valid = schema::validate(problem); !valid) return valid;
  const auto& block = problem.block_shape;
  if (problem.dtype == Dtype::int4_w4a16 || (problem.dtype == Dtype::int8_w8a16 && block)) {
    return refuse(fmt::format("{}{} runs in another kernel of the engines (wna16), which moetune does not tune",
                              name_of(problem.dtype), block ? " with block_shape" : ""));
  }
  if (problem.dtype != Dtype::none && problem.dtype != Dtype::fp8_w8a8 && problem.dtype != Dtype::int8_w8a16) {
    return refuse(
        fmt::format("dtype {} cannot be measured: leave dtype out (null) for bf16 and fp16, or use fp8_w8a8 "
                    "or int8_w8a16",
                    name_of(problem.dtype)));
  }
  if (block && (block->n < 1 || block->k < 1)) {
    return refuse(fmt::format("block_shape must be two numbers of at least 1 for {}, not [{},{}]",
                              name_of(problem.dtype), block->n, block->k));
  }
  if (block && problem.per_channel_quant) {
    return refuse(
        "block_shape and per_channel_quant exclude each other: a weight has one scale, of its block or of its "
        "channel");
  }
  return {};
}

Operand activation_operand(const Problem& problem) {
  if (quantises_activations(problem)) return Operand::fp8_e4m3;
  return problem.act_dtype == schema::ActDtype::float16 ? Operand::float16 : Operand::bfloat16;
}

Operand weight_operand(const Problem& problem) {
  return problem.dtype == Dtype::int8_w8a16 ? Operand::int8 : activation_operand(problem);
}

bool quantises_activations(const Problem& problem) {
  return problem.dtype == Dtype::fp8_w8a8;
}

std::optional<ScaleGroup> scale_group(const Problem& problem, std::int64_t n, std::int64_t k) {
  if (problem.dtype == Dtype::none) return std::nullopt;
  if (problem.block_shape) return ScaleGroup{.columns = problem.block_shape->n, .depth = problem.block_shape->k};
  if (problem.per_channel_quant || problem.dtype == Dtype::int8_w8a16) return ScaleGroup{.columns = 1, .depth = k};
  return ScaleGroup{.columns = n, .depth = k, .rows_share = true};
}

std::int64_t activation_scales(const Problem& problem, std::int64_t rows, std::int64_t n, std::int64_t k) {
  if (!quantises_activations(problem)) return 0;
  const auto group = *scale_group(problem, n, k);
  return (group.rows_share ? 1 : rows) * ceil_div(k, group.depth);
}

std::int64_t weight_scales(const Problem& problem, std::int64_t n, std::int64_t k) {
  const auto group = scale_group(problem, n, k);
  return group ? problem.num_experts * ceil_div(n, group->columns) * ceil_div(k, group->depth) : 0;
}

}  // namespace moetune::kernels
