#include "schema/problem.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

namespace moetune::schema {
namespace {

constexpr std::array k_dtypes = {
    std::pair{Dtype::none, std::string_view{""}},
    std::pair{Dtype::fp8_w8a8, std::string_view{"fp8_w8a8"}},
    std::pair{Dtype::fp8_w8a16, std::string_view{"fp8_w8a16"}},
    std::pair{Dtype::int8_w8a16, std::string_view{"int8_w8a16"}},
    std::pair{Dtype::int8_w8a8, std::string_view{"int8_w8a8"}},
    std::pair{Dtype::int4_w4a16, std::string_view{"int4_w4a16"}},
    std::pair{Dtype::float32, std::string_view{"float32"}},
};

constexpr std::int64_t k_max_experts = 65536;
constexpr std::int64_t k_max_dimension = 1 << 20;

std::optional<BlockShape> read_block_shape(ObjectReader& reader) {
  const auto* value = reader.raw("block_shape");
  if (value == nullptr || value->is_null()) return std::nullopt;
  const auto sizes = reader.integers("block_shape", 0, k_max_dimension, 2);
  if (!reader.ok()) return std::nullopt;
  if (sizes.size() != 2) {
    reader.reject("block_shape", "must be null or two integers [n, k]");
    return std::nullopt;
  }
  return BlockShape{static_cast<int>(sizes[0]), static_cast<int>(sizes[1])};
}

}  // namespace

std::string_view name_of(Dtype dtype) {
  for (const auto& [value, name] : k_dtypes) {
    if (value == dtype) return name;
  }
  return "";
}

std::string_view name_of(ActDtype dtype) {
  return dtype == ActDtype::float16 ? "float16" : "bfloat16";
}

Result<Dtype> dtype_from_name(std::string_view name) {
  for (const auto& [value, known] : k_dtypes) {
    if (known == name && value != Dtype::none) return value;
  }
  std::string names;
  for (const auto& [value, known] : k_dtypes) {
    if (value != Dtype::none) names += fmt::format(", {}", known);
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("dtype \"{}\" is not known; leave it out (null) for bf16 and fp16, or use one of: {}", name,
                          names.substr(2)));
}

Result<ActDtype> act_dtype_from_name(std::string_view name) {
  if (name == "bfloat16") return ActDtype::bfloat16;
  if (name == "float16") return ActDtype::float16;
  return fail(ErrorCode::invalid_argument, fmt::format("act_dtype \"{}\" is not known; use bfloat16 or float16", name));
}

Problem read_problem(ObjectReader& reader, Absent absent) {
  Problem problem;
  problem.num_experts = reader.integer("E", 1, k_max_experts);
  problem.intermediate_size = reader.integer("N", 1, k_max_dimension);
  problem.hidden_size = reader.integer("hidden_size", 1, k_max_dimension);
  problem.topk = reader.integer("topk", 1, k_max_experts);
  if (absent == Absent::error) {
    reader.required_raw("dtype");
    reader.required_raw("block_shape");
  }
  if (const auto name = reader.optional_text("dtype")) {
    if (auto dtype = dtype_from_name(*name)) {
      problem.dtype = *dtype;
    } else {
      reader.adopt(dtype.error());
    }
  }
  if (const auto name = reader.optional_text("act_dtype")) {
    if (auto dtype = act_dtype_from_name(*name)) {
      problem.act_dtype = *dtype;
    } else {
      reader.adopt(dtype.error());
    }
  }
  problem.block_shape = read_block_shape(reader);
  problem.gated = reader.boolean_or("gated", true);
  problem.per_channel_quant = reader.boolean_or("per_channel_quant", false);
  problem.router_weight_on_input = reader.boolean_or("router_weight_on_input", false);
  if (reader.ok()) {
    if (auto valid = validate(problem); !valid) reader.adopt(valid.error());
  }
  return problem;
}

void write_problem(const Problem& problem, nlohmann::ordered_json& object) {
  object["E"] = problem.num_experts;
  object["N"] = problem.intermediate_size;
  object["hidden_size"] = problem.hidden_size;
  object["topk"] = problem.topk;
  object["dtype"] =
      problem.dtype == Dtype::none ? nlohmann::ordered_json() : nlohmann::ordered_json(name_of(problem.dtype));
  object["act_dtype"] = name_of(problem.act_dtype);
  object["block_shape"] = nullptr;
  if (problem.block_shape) object["block_shape"] = {problem.block_shape->n, problem.block_shape->k};
  object["gated"] = problem.gated;
  object["per_channel_quant"] = problem.per_channel_quant;
  object["router_weight_on_input"] = problem.router_weight_on_input;
}

Result<BlockShape> block_shape_from_text(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != '[' && c != ']' && c != ' ') digits += c;
  }
  BlockShape shape;
  const char* end = digits.data() + digits.size();
  const auto first = std::from_chars(digits.data(), end, shape.n);
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == ',') {
    const auto second = std::from_chars(first.ptr + 1, end, shape.k);
    if (second.ec == std::errc() && second.ptr == end && shape.n >= 0 && shape.k >= 0) return shape;
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("block_shape must be two integers such as 128,128, not \"{}\"", text));
}

Result<void> validate(const Problem& problem) {
  if (problem.topk > problem.num_experts) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("topk must be at most E: topk is {}, E is {}", problem.topk, problem.num_experts));
  }
  if (problem.block_shape && problem.dtype == Dtype::none) {
    return fail(ErrorCode::invalid_argument, "block_shape needs a quantised dtype such as fp8_w8a8; dtype is null");
  }
  if (problem.per_channel_quant && problem.dtype == Dtype::none) {
    return fail(ErrorCode::invalid_argument,
                "per_channel_quant needs a quantised dtype such as fp8_w8a8; dtype is null");
  }
  return {};
}

std::string short_text(const Problem& problem) {
  std::string text = fmt::format("E={},N={},hidden_size={},topk={}", problem.num_experts, problem.intermediate_size,
                                 problem.hidden_size, problem.topk);
  text += fmt::format(",{}", problem.dtype == Dtype::none ? name_of(problem.act_dtype) : name_of(problem.dtype));
  if (problem.block_shape) text += fmt::format(",block_shape=[{},{}]", problem.block_shape->n, problem.block_shape->k);
  if (!problem.gated) text += ",not gated";
  if (problem.per_channel_quant) text += ",per_channel_quant";
  if (problem.router_weight_on_input) text += ",router_weight_on_input";
  return text;
}

}  // namespace moetune::schema
