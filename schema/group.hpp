#pragma once

#include <compare>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "schema/error.hpp"
#include "schema/problem.hpp"

namespace moetune::schema {

/// Whether weights come from device memory (cold, as in a real model) or from L2 (warm, as the published tuners
/// measure).
enum class L2 { cold, warm };
/// Where a row comes from: measured here, looked up in a recording, or read from somebody's JSONL.
enum class Origin { measured, recorded, imported };

std::string_view name_of(L2 l2);
std::string_view name_of(Origin origin);
Result<L2> l2_from_name(std::string_view name);
Result<Origin> origin_from_name(std::string_view name);

/// The name under which rows of a kernel's scan are kept: "vllm-scan". They were measured on a changed copy that takes
/// GROUP_SIZE_M at run time, and answer no question about the kernel itself.
std::string scan_of(std::string_view kernel);
bool is_scan(std::string_view kernel);

/// What rows must share to be compared with each other.
struct Group {
  std::string device;  ///< the engines' spelling of the GPU's name, e.g. "NVIDIA_H200"
  Problem problem;
  std::string kernel;         ///< vllm, sglang, builtin, cuda, or a file's name
  std::string kernel_digest;  ///< hex digest of the kernel's source, and of how its engine launches it
  std::string compiler;       ///< e.g. "nvrtc 13.0" or "triton 3.6.0"
  L2 l2 = L2::cold;
  std::string routing = "uniform";
  Origin origin = Origin::measured;

  auto operator<=>(const Group&) const = default;
};

/// Appends the group's fields to `object` (device, the problem's, kernel, kernel_digest, compiler, l2, routing,
/// origin).
void write_group(const Group& group, nlohmann::ordered_json& object);

/// A query for groups: an empty field matches every value. `dtype` and `block_shape` distinguish "not asked" from
/// "none".
struct GroupFilter {
  std::optional<std::string> device;
  std::optional<std::int64_t> num_experts;
  std::optional<std::int64_t> intermediate_size;
  std::optional<std::int64_t> hidden_size;
  std::optional<std::int64_t> topk;
  std::optional<Dtype> dtype;
  std::optional<ActDtype> act_dtype;
  std::optional<std::optional<BlockShape>> block_shape;
  std::optional<bool> gated;
  std::optional<bool> per_channel_quant;
  std::optional<bool> router_weight_on_input;
  std::optional<std::string> kernel;
  std::optional<std::string> kernel_digest;
  std::optional<std::string> compiler;
  std::optional<L2> l2;
  std::optional<std::string> routing;
  std::optional<Origin> origin;

  /// Sets the field named as in a query string (device, E, N, hidden_size, topk, dtype, act_dtype, block_shape, gated,
  /// per_channel_quant, router_weight_on_input, kernel, kernel_digest, compiler, l2, routing, origin). dtype and
  /// block_shape take "none" for the absent value; a routing is made canonical. Returns false when there is no such
  /// field. Errors: invalid_argument naming field and value.
  Result<bool> set(std::string_view name, std::string_view value);

  bool matches(const Group& group) const;
};

/// Reads a decimal integer strictly; the message names `name`. Errors: invalid_argument.
Result<std::int64_t> integer_from_text(std::string_view name, std::string_view text, std::int64_t low,
                                       std::int64_t high);
/// Reads 0, 1, true or false. Errors: invalid_argument.
Result<bool> boolean_from_text(std::string_view name, std::string_view text);

}  // namespace moetune::schema
