#include "schema/engine_file_name.hpp"

#include <fmt/format.h>

#include <charconv>

namespace moetune::schema {
namespace {

constexpr std::size_t k_max_name = 1024;

std::unexpected<Error> refuse(std::string_view name, std::string_view reason) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("\"{}\" is not the name of an engine's file: {}; such as "
                          "\"E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json\"",
                          name.substr(0, 160), reason));
}

/// Takes `text` off the front.
bool take(std::string_view& rest, std::string_view text) {
  if (!rest.starts_with(text)) return false;
  rest.remove_prefix(text.size());
  return true;
}

std::optional<std::int64_t> take_number(std::string_view& rest) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc() || number < 1 || number > k_max_batch) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return number;
}

/// Takes ",LABEL=VALUE" off the end, where VALUE has no comma: the device before it may have any.
std::optional<std::string_view> take_last_word(std::string_view& rest, std::string_view label) {
  const std::string mark = fmt::format(",{}=", label);
  const auto at = rest.rfind(mark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view value = rest.substr(at + mark.size());
  if (value.find(',') != std::string_view::npos) return std::nullopt;
  rest = rest.substr(0, at);
  return value;
}

/// Takes ",block_shape=[...]" off the end; its text with the brackets.
std::optional<std::string_view> take_block_shape(std::string_view& rest) {
  constexpr std::string_view k_mark = ",block_shape=";
  const auto at = rest.rfind(k_mark);
  if (at == std::string_view::npos || !rest.ends_with(']')) return std::nullopt;
  const std::string_view value = rest.substr(at + k_mark.size());
  if (!value.starts_with('[') || value.find(']') + 1 != value.size()) return std::nullopt;
  rest = rest.substr(0, at);
  return value;
}

/// The name that an engine would write for these facts.
std::string spelled(const EngineFileName& facts, EngineFormat format) {
  std::string name = fmt::format("E={},N={},device_name={}", facts.num_experts, facts.intermediate_size, facts.device);
  if (!facts.dtype_word.empty()) name += fmt::format(",dtype={}", facts.dtype_word);
  if (facts.block_shape) {
    const char* separator = format == EngineFormat::vllm ? "," : ", ";
    name += fmt::format(",block_shape=[{}{}{}]", facts.block_shape->n, separator, facts.block_shape->k);
  }
  if (!facts.backend.empty()) name += fmt::format(",backend={}", facts.backend);
  if (facts.per_channel_quant) name += ",per_channel_quant=True";
  if (facts.gemm == Gemm::down) name += "_down";
  return name + ".json";
}

void judge_spelling(EngineFileName& facts, std::string_view name) {
  const bool only_sglang = facts.per_channel_quant || facts.gemm == Gemm::down;
  const bool only_vllm = !facts.backend.empty();
  if (facts.block_shape && (facts.block_shape->n == 0 || facts.block_shape->k == 0)) return;  // left out by both
  const bool as_vllm = !only_sglang && spelled(facts, EngineFormat::vllm) == name;
  const bool as_sglang = !only_vllm && spelled(facts, EngineFormat::sglang) == name;
  facts.exact = as_vllm || as_sglang;
  if (as_vllm && !as_sglang) facts.format = EngineFormat::vllm;
  if (as_sglang && !as_vllm) facts.format = EngineFormat::sglang;
}

}  // namespace

Result<EngineFileName> engine_file_name_from_text(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name.size() > k_max_name) return refuse(name, fmt::format("it has more than {} bytes", k_max_name));
  if (name.find('\0') != std::string_view::npos) return refuse(name, "it has a NUL character");
  std::string_view rest = name;
  if (!rest.ends_with(".json")) return refuse(name, "it does not end in .json");
  rest.remove_suffix(5);
  EngineFileName facts;
  if (!take(rest, "E=")) return refuse(name, "it does not start with E=");
  const auto experts = take_number(rest);
  if (!experts) return refuse(name, fmt::format("E must be a number from 1 to {}", k_max_batch));
  if (!take(rest, ",N=")) return refuse(name, "\",N=\" must follow the number of experts");
  const auto size = take_number(rest);
  if (!size) return refuse(name, fmt::format("N must be a number from 1 to {}", k_max_batch));
  if (!take(rest, ",device_name=")) return refuse(name, "\",device_name=\" must follow N");
  facts.num_experts = *experts;
  facts.intermediate_size = *size;
  if (rest.ends_with("_down")) {
    facts.gemm = Gemm::down;
    rest.remove_suffix(5);
  }
  if (const auto word = take_last_word(rest, "per_channel_quant")) {
    if (*word != "True" && *word != "False") return refuse(name, "per_channel_quant must be True or be left out");
    facts.per_channel_quant = *word == "True";
  }
  facts.backend = take_last_word(rest, "backend").value_or("");
  if (const auto text = take_block_shape(rest)) {
    const auto shape = block_shape_from_text(*text);
    if (!shape) return refuse(name, "block_shape must be two integers such as [128,128]");
    facts.block_shape = *shape;
  }
  facts.dtype_word = take_last_word(rest, "dtype").value_or("");
  if (facts.dtype_word.empty()) {
    facts.dtype = Dtype::none;
  } else if (const auto dtype = dtype_from_name(facts.dtype_word)) {
    facts.dtype = *dtype;
  }
  facts.device = rest;
  judge_spelling(facts, name);
  return facts;
}

Result<Problem> problem_of(const EngineFileName& name) {
  if (!name.backend.empty()) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("a file with backend={} is not one for the Triton kernel, which alone is tuned", name.backend));
  }
  Problem problem;
  problem.num_experts = name.num_experts;
  problem.intermediate_size = name.intermediate_size;
  if (!name.dtype_word.empty()) {
    const auto dtype = dtype_from_name(name.dtype_word);
    if (!dtype) return std::unexpected(dtype.error());
    problem.dtype = *dtype;
  }
  problem.block_shape = name.block_shape;
  problem.per_channel_quant = name.per_channel_quant;
  return problem;
}

}  // namespace moetune::schema
