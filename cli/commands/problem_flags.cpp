#include "cli/commands/problem_flags.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <utility>

#include "cli/commands/sweep_flags.hpp"
#include "schema/group.hpp"
#include "schema/problem.hpp"

namespace moetune::cli {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

Result<void> ProblemFlags::require_shape() const {
  const std::pair<const char*, const std::string&> required[] = {
      {"-E", experts_}, {"-N", intermediate_}, {"--hidden-size", hidden_size_}, {"--topk", topk_}};
  for (const auto& [flag, text] : required) {
    if (text.empty()) return fail(ErrorCode::invalid_argument, fmt::format("{} is required, or --model", flag));
  }
  return {};
}

Result<void> ProblemFlags::put_sizes(ordered_json& spec) const {
  const std::tuple<const char*, const char*, const std::string&> sizes[] = {
      {"E", "-E", experts_},
      {"N", "-N", intermediate_},
      {"hidden_size", "--hidden-size", hidden_size_},
      {"topk", "--topk", topk_}};
  for (const auto& [field, flag, text] : sizes) {
    if (text.empty()) continue;
    const auto number = whole_number(flag, text);
    if (!number) return std::unexpected(number.error());
    spec[field] = *number;
  }
  return {};
}

void ProblemFlags::put_dtype(ordered_json& spec) const {
  if (dtype_.empty()) return;
  const ordered_json dtype = dtype_ == "none" ? ordered_json() : ordered_json(dtype_);
  if (spec.value("dtype", ordered_json()) == dtype) return;
  for (const char* field : {"dtype", "block_shape", "per_channel_quant"}) spec.erase(field);
  if (!dtype.is_null()) spec["dtype"] = dtype;
}

Result<void> ProblemFlags::put_switches(ordered_json& spec) const {
  const std::pair<const char*, const std::string&> switches[] = {{"gated", gated_},
                                                                 {"per_channel_quant", per_channel_quant_},
                                                                 {"router_weight_on_input", router_weight_on_input_}};
  for (const auto& [field, text] : switches) {
    if (text.empty()) continue;
    const auto value = schema::boolean_from_text(field, text);
    if (!value)
      return fail(ErrorCode::invalid_argument, in_terms_of_flags(fmt::format("sweep.{}", value.error().message)));
    spec[field] = *value;
  }
  return {};
}

Result<void> ProblemFlags::put(ordered_json& spec) const {
  if (auto put = put_sizes(spec); !put) return put;
  put_dtype(spec);
  if (!act_dtype_.empty()) spec["act_dtype"] = act_dtype_;
  if (block_shape_ == "none") {
    spec.erase("block_shape");
  } else if (!block_shape_.empty()) {
    const auto shape = schema::block_shape_from_text(block_shape_);
    if (!shape) return fail(ErrorCode::invalid_argument, fmt::format("--block-shape: {}", shape.error().message));
    spec["block_shape"] = {shape->n, shape->k};
  }
  return put_switches(spec);
}

void ProblemFlags::add_to(CLI::App& command) {
  const auto text = [&](const char* name, std::string& value, const char* type, const char* help) {
    command.add_option(name, value, help)->type_name(type)->group("Problem");
  };
  text("-E", experts_, "COUNT", "experts on one rank");
  text("-N", intermediate_, "SIZE", "intermediate size on one rank, after the activation");
  text("--hidden-size", hidden_size_, "SIZE", "hidden size of the model");
  text("--topk", topk_, "COUNT", "experts per token");
  text("--dtype", dtype_, "NAME", "quantisation as in the engines' file names, e.g. fp8_w8a8 (default: none)");
  text("--act-dtype", act_dtype_, "NAME", "bfloat16 (default) or float16");
  text("--block-shape", block_shape_, "N,K", "quantisation block, e.g. 128,128");
  text("--gated", gated_, "0|1", "whether the activation is gated (default: 1)");
  text("--per-channel-quant", per_channel_quant_, "0|1", "whether weights are quantised per channel (default: 0)");
  text("--router-weight-on-input", router_weight_on_input_, "0|1",
       "whether GEMM 1 multiplies by the router's weights instead of GEMM 2 (default: 0)");
}

}  // namespace moetune::cli
