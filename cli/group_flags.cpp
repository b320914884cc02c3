#include "cli/group_flags.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "cli/text.hpp"
#include "schema/group.hpp"

namespace moetune::cli {
namespace {

using schema::fail;
using schema::Result;

struct Flag {
  const char* field;
  const char* name;
  const char* type;
  const char* help;
};

// In the order of help and of query strings.
constexpr std::array k_flags = {
    Flag{"E", "-E", "COUNT", "experts on one rank"},
    Flag{"N", "-N", "SIZE", "intermediate size on one rank, after the activation"},
    Flag{"hidden_size", "--hidden-size", "SIZE", "hidden size of the model"},
    Flag{"topk", "--topk", "COUNT", "experts per token"},
    Flag{"dtype", "--dtype", "NAME",
         "quantisation as in the engines' file names, e.g. fp8_w8a8; none for bf16 and fp16"},
    Flag{"act_dtype", "--act-dtype", "NAME", "bfloat16 or float16"},
    Flag{"block_shape", "--block-shape", "N,K", "quantisation block, e.g. 128,128, or none"},
    Flag{"gated", "--gated", "0|1", "whether the activation is gated"},
    Flag{"per_channel_quant", "--per-channel-quant", "0|1", "whether weights are quantised per channel"},
    Flag{"router_weight_on_input", "--router-weight-on-input", "0|1",
         "whether GEMM 1 multiplies by the router's weights instead of GEMM 2"},
    Flag{"device", "--device", "NAME", "GPU as the engines spell it, e.g. NVIDIA_H200"},
    Flag{"kernel", "--kernel", "NAME", "kernel that was measured: vllm, sglang, builtin, cuda, a file"},
    Flag{"kernel_digest", "--kernel-digest", "HEX", "version of the kernel's source (default: the newest)"},
    Flag{"compiler", "--compiler", "TEXT", "e.g. \"triton 3.6.0\" (default: the newest)"},
    Flag{"l2", "--l2", "cold|warm", "where the weights come from (default: cold)"},
    Flag{"routing", "--routing", "NAME", "routing of the tokens (default: uniform)"},
    Flag{"origin", "--origin", "NAME", "measured, recorded or imported"},
};

constexpr std::array<std::string_view, 5> k_in_file_name = {"E", "N", "dtype", "block_shape", "device"};

const Flag* flag_for(const std::string& field) {
  const auto* found = std::ranges::find_if(k_flags, [&](const Flag& flag) { return field == flag.field; });
  return found == k_flags.end() ? nullptr : found;
}

}  // namespace

std::string flag_value_text(const nlohmann::json& value) {
  if (value.is_null()) return "none";
  if (value.is_boolean()) return value.get<bool>() ? "1" : "0";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::vector<std::string> parts;
  for (const auto& element : value) parts.push_back(element.dump());
  return fmt::format("{}", fmt::join(parts, ","));
}

void GroupFlags::add_to(CLI::App& command, Shape shape) {
  for (const Flag& flag : k_flags) {
    if (shape == Shape::in_file_name && std::ranges::find(k_in_file_name, flag.field) == k_in_file_name.end()) continue;
    const bool is_shape = std::string_view(flag.field) == "E" || std::string_view(flag.field) == "N";
    auto* option = command.add_option(flag.name, values_[flag.field], flag.help)->type_name(flag.type);
    option->group(is_shape ? "Options" : "Which rows");
    if (is_shape && shape == Shape::required) option->required();
    options_[flag.field] = option;
  }
}

Result<Query> GroupFlags::query() const {
  schema::GroupFilter filter;
  Query query;
  for (const Flag& flag : k_flags) {
    if (!has(flag.field)) continue;
    const std::string& value = values_.at(flag.field);
    if (const auto set = filter.set(flag.field, value); !set) {
      return fail(set.error().code, fmt::format("{}: {}", flag.name, set.error().message));
    }
    query.add(flag.field, value);
  }
  return query;
}

bool GroupFlags::has(const std::string& field) const {
  const auto found = options_.find(field);
  return found != options_.end() && found->second->count() > 0;
}

std::vector<std::string> GroupFlags::words() const {
  std::vector<std::string> words;
  for (const Flag& flag : k_flags) {
    if (!has(flag.field)) continue;
    words.emplace_back(flag.name);
    words.push_back(shell_word(values_.at(flag.field)));
  }
  return words;
}

std::vector<std::string> flag_of(const std::string& field, const nlohmann::json& value) {
  const Flag* flag = flag_for(field);
  if (flag == nullptr) return {};
  return {flag->name, shell_word(printable(flag_value_text(value)))};
}

std::vector<std::string> flags_of(const nlohmann::json& fields) {
  std::vector<std::string> words;
  if (!fields.is_object()) return words;
  for (const Flag& flag : k_flags) {
    if (!fields.contains(flag.field)) continue;
    for (auto& word : flag_of(flag.field, fields[flag.field])) words.push_back(std::move(word));
  }
  return words;
}

std::vector<std::string> differing_fields(const nlohmann::json& groups) {
  std::vector<std::string> fields;
  if (!groups.is_array() || groups.empty()) return fields;
  for (const Flag& flag : k_flags) {
    const auto value_in = [&](const nlohmann::json& group) {
      return group.is_object() ? group.value(flag.field, nlohmann::json()) : nlohmann::json();
    };
    const auto first = value_in(groups.front());
    if (!std::ranges::all_of(groups, [&](const auto& group) { return value_in(group) == first; })) {
      fields.emplace_back(flag.field);
    }
  }
  return fields;
}

}  // namespace moetune::cli
