#include "schema/group.hpp"

#include <fmt/format.h>

#include <charconv>

#include "schema/routing.hpp"

namespace moetune::schema {
namespace {

constexpr std::string_view k_scan_suffix = "-scan";

template <typename T>
bool admits(const std::optional<T>& wanted, const T& value) {
  return !wanted || *wanted == value;
}

/// Stores `value` in `field`, or passes the error on; true for "this name is a field".
template <typename T>
Result<bool> store(std::optional<T>& field, Result<T> value) {
  if (!value) return std::unexpected(value.error());
  field = std::move(*value);
  return true;
}

Result<std::string> name_text(std::string_view name, std::string_view value) {
  if (value.empty() || value.size() > 256) {
    return fail(ErrorCode::invalid_argument, fmt::format("{} must be 1 to 256 bytes long", name));
  }
  return std::string(value);
}

Result<Dtype> dtype_filter(std::string_view value) {
  if (value == "none" || value == "null") return Dtype::none;
  return dtype_from_name(value);
}

Result<std::optional<BlockShape>> block_shape_filter(std::string_view value) {
  if (value == "none" || value == "null") return std::optional<BlockShape>();
  auto shape = block_shape_from_text(value);
  if (!shape) return std::unexpected(shape.error());
  return std::optional(*shape);
}

}  // namespace

std::string_view name_of(L2 l2) {
  return l2 == L2::cold ? "cold" : "warm";
}

std::string_view name_of(Origin origin) {
  switch (origin) {
    case Origin::measured:
      return "measured";
    case Origin::recorded:
      return "recorded";
    case Origin::imported:
      return "imported";
  }
  return "measured";
}

std::string scan_of(std::string_view kernel) {
  return std::string(kernel).append(k_scan_suffix);
}

bool is_scan(std::string_view kernel) {
  return kernel.ends_with(k_scan_suffix);
}

Result<L2> l2_from_name(std::string_view name) {
  if (name == "cold") return L2::cold;
  if (name == "warm") return L2::warm;
  return fail(ErrorCode::invalid_argument, fmt::format("l2 \"{}\" is not known; use cold or warm", name));
}

Result<Origin> origin_from_name(std::string_view name) {
  for (const Origin origin : {Origin::measured, Origin::recorded, Origin::imported}) {
    if (name == name_of(origin)) return origin;
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("origin \"{}\" is not known; use measured, recorded or imported", name));
}

void write_group(const Group& group, nlohmann::ordered_json& object) {
  object["device"] = group.device;
  write_problem(group.problem, object);
  object["kernel"] = group.kernel;
  object["kernel_digest"] = group.kernel_digest;
  object["compiler"] = group.compiler;
  object["l2"] = name_of(group.l2);
  object["routing"] = group.routing;
  object["origin"] = name_of(group.origin);
}

Result<bool> GroupFilter::set(std::string_view name, std::string_view value) {
  constexpr std::int64_t k_high = 1LL << 40;
  if (name == "device") return store(device, name_text(name, value));
  if (name == "E") return store(num_experts, integer_from_text(name, value, 1, k_high));
  if (name == "N") return store(intermediate_size, integer_from_text(name, value, 1, k_high));
  if (name == "hidden_size") return store(hidden_size, integer_from_text(name, value, 1, k_high));
  if (name == "topk") return store(topk, integer_from_text(name, value, 1, k_high));
  if (name == "dtype") return store(dtype, dtype_filter(value));
  if (name == "act_dtype") return store(act_dtype, act_dtype_from_name(value));
  if (name == "block_shape") return store(block_shape, block_shape_filter(value));
  if (name == "gated") return store(gated, boolean_from_text(name, value));
  if (name == "per_channel_quant") return store(per_channel_quant, boolean_from_text(name, value));
  if (name == "router_weight_on_input") return store(router_weight_on_input, boolean_from_text(name, value));
  if (name == "kernel") return store(kernel, name_text(name, value));
  if (name == "kernel_digest") return store(kernel_digest, name_text(name, value));
  if (name == "compiler") return store(compiler, name_text(name, value));
  if (name == "l2") return store(l2, l2_from_name(value));
  if (name == "routing") {
    const auto text = name_text(name, value);
    return store(routing, text ? Result<std::string>(canonical_routing(*text)) : text);
  }
  if (name == "origin") return store(origin, origin_from_name(value));
  return false;
}

bool GroupFilter::matches(const Group& group) const {
  const Problem& problem = group.problem;
  return admits(device, group.device) && admits(num_experts, problem.num_experts) &&
         admits(intermediate_size, problem.intermediate_size) && admits(hidden_size, problem.hidden_size) &&
         admits(topk, problem.topk) && admits(dtype, problem.dtype) && admits(act_dtype, problem.act_dtype) &&
         admits(block_shape, problem.block_shape) && admits(gated, problem.gated) &&
         admits(per_channel_quant, problem.per_channel_quant) &&
         admits(router_weight_on_input, problem.router_weight_on_input) && admits(kernel, group.kernel) &&
         admits(kernel_digest, group.kernel_digest) && admits(compiler, group.compiler) && admits(l2, group.l2) &&
         admits(routing, group.routing) && admits(origin, group.origin);
}

Result<std::int64_t> integer_from_text(std::string_view name, std::string_view text, std::int64_t low,
                                       std::int64_t high) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < low || value > high) {
    return fail(ErrorCode::invalid_argument, fmt::format("{} must be an integer between {} and {}, not \"{}\"", name,
                                                         low, high, text.substr(0, 40)));
  }
  return value;
}

Result<bool> boolean_from_text(std::string_view name, std::string_view text) {
  if (text == "1" || text == "true") return true;
  if (text == "0" || text == "false") return false;
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} must be 0, 1, true or false, not \"{}\"", name, text.substr(0, 40)));
}

}  // namespace moetune::schema
