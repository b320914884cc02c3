#include "schema/model_quantisation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace moetune::schema {
namespace {

using nlohmann::json;

using Notes = std::vector<std::string>;

constexpr std::int64_t k_max_size = 1 << 20;

Result<std::optional<std::string>> optional_text(const ModelView& view, std::string_view name) {
  const auto field = view.find(name);
  if (!field) return std::nullopt;
  auto text = text_of(*field);
  if (!text) return std::unexpected(text.error());
  return std::move(*text);
}

/// The first of the names that is there; -1, which stands for "one group", counts as absent.
Result<std::optional<std::int64_t>> group_size(const ModelView& view, const FieldNames& names) {
  const auto field = view.find(names);
  if (!field) return std::nullopt;
  const auto size = integer_of(*field, -1, k_max_size);
  if (!size) return std::unexpected(size.error());
  if (*size == 0) return fail(ErrorCode::invalid_argument, fmt::format("config.{} must not be 0", field->path));
  if (*size < 0) return std::nullopt;
  return *size;
}

std::unexpected<Error> not_known(const ModelView& view, std::string_view what) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("config.{} has {}, which moetune does not know; give the shape with -E, -N, --hidden-size, "
                          "--topk and --dtype",
                          view.path(), what));
}

Result<BlockShape> block_of(const ModelField& field) {
  std::vector<std::int64_t> sizes;
  if (field.value->is_string()) {  // "128x128"
    const auto& text = field.value->get_ref<const std::string&>();
    const char* end = text.data() + text.size();
    int first = 0;
    int second = 0;
    const auto left = std::from_chars(text.data(), end, first);
    if (left.ec == std::errc() && left.ptr != end && *left.ptr == 'x') {
      const auto right = std::from_chars(left.ptr + 1, end, second);
      if (right.ec == std::errc() && right.ptr == end) sizes = {first, second};
    }
  } else {
    auto numbers = integers_of(field, 1, k_max_size);
    if (!numbers) return std::unexpected(numbers.error());
    sizes = std::move(*numbers);
  }
  const auto fits = [](std::int64_t size) { return size >= 1 && size <= k_max_size; };
  if (sizes.size() != 2 || !std::ranges::all_of(sizes, fits)) {
    return fail(ErrorCode::invalid_argument, fmt::format("config.{} must be two sizes such as [128, 128]", field.path));
  }
  return BlockShape{static_cast<int>(sizes[0]), static_cast<int>(sizes[1])};
}

Quantisation grouped(Dtype dtype, std::optional<std::int64_t> group) {
  Quantisation form{.dtype = dtype};
  if (group) form.block_shape = BlockShape{0, static_cast<int>(*group)};
  return form;
}

Result<Quantisation> fp8_form(const ModelView& view, Notes&) {
  const auto block = view.find("weight_block_size");
  if (!block) return Quantisation{.dtype = Dtype::fp8_w8a8};
  const auto shape = block_of(*block);
  if (!shape) return std::unexpected(shape.error());
  return Quantisation{.dtype = Dtype::fp8_w8a8, .block_shape = *shape};
}

Result<Quantisation> grouped_integers(const ModelView& view, Notes& notes) {
  const auto field = view.find(FieldNames{"bits", "w_bit"});
  if (!field) return fail(ErrorCode::invalid_argument, fmt::format("config.{} is missing", view.path_of("bits")));
  const auto bits = integer_of(*field, 1, 64);
  if (!bits) return std::unexpected(bits.error());
  const auto group = group_size(view, FieldNames{"group_size", "q_group_size"});
  if (!group) return std::unexpected(group.error());
  if (*bits != 4 && *bits != 8) return not_known(view, fmt::format("{} bits", *bits));
  notes.emplace_back(
      "the engines read a file for these weights only where their Triton kernel runs (vLLM: "
      "--quantization moe_wna16); Marlin reads none");
  return grouped(*bits == 4 ? Dtype::int4_w4a16 : Dtype::int8_w8a16, *group);
}

Result<Quantisation> experts_int8(const ModelView&, Notes&) {
  return Quantisation{.dtype = Dtype::int8_w8a16};
}

Result<Quantisation> channel_fp8(const ModelView&, Notes&) {
  return Quantisation{.dtype = Dtype::fp8_w8a8, .per_channel_quant = true};
}

Result<Quantisation> channel_int8(const ModelView&, Notes&) {
  return Quantisation{.dtype = Dtype::int8_w8a8, .per_channel_quant = true};
}

std::unexpected<Error> no_file_for(std::string_view form) {
  return nothing_to_tune(fmt::format("{} experts run in kernels that read no tuned file", form));
}

Result<Quantisation> mxfp4(const ModelView&, Notes&) {
  return no_file_for("mxfp4");
}

Result<Quantisation> nvfp4(const ModelView&, Notes&) {
  return no_file_for("nvfp4");
}

Result<Quantisation> gguf(const ModelView&, Notes&) {
  return no_file_for("gguf");
}

Result<Quantisation> modelopt_form(const ModelView& view, Notes& notes) {
  ModelView inner = view;
  if (const auto nested = view.find("quantization"); nested && nested->value->is_object())
    inner = ModelView(*nested->value, nested->path);
  const auto algorithm = optional_text(inner, "quant_algo");
  if (!algorithm) return std::unexpected(algorithm.error());
  if (!*algorithm)
    return fail(ErrorCode::invalid_argument, fmt::format("config.{} is missing", inner.path_of("quant_algo")));
  std::string name = **algorithm;
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  if (name == "FP8") return Quantisation{.dtype = Dtype::fp8_w8a8};
  if (name == "FP8_PER_CHANNEL_PER_TOKEN") return channel_fp8(view, notes);
  if (name.find("FP4") != std::string::npos) return no_file_for(**algorithm);
  return not_known(inner, fmt::format("quant_algo \"{}\"", **algorithm));
}

/// The weights of one group of compressed-tensors, and whether activations are quantised too.
Result<Quantisation> integer_weights(const ModelView& weights, bool quantised_input, std::int64_t bits) {
  const auto group = group_size(weights, FieldNames{"group_size"});
  if (!group) return std::unexpected(group.error());
  if (bits == 4 && !quantised_input) return grouped(Dtype::int4_w4a16, *group);
  if (bits == 8 && !quantised_input) return grouped(Dtype::int8_w8a16, *group);
  if (bits == 8) return Quantisation{.dtype = Dtype::int8_w8a8, .per_channel_quant = true};
  return not_known(weights, fmt::format("integers of {} bits", bits));
}

Result<Quantisation> float_weights(const ModelView& weights, bool quantised_input, std::int64_t bits) {
  if (bits == 4) return no_file_for("4 bit float (mxfp4, nvfp4)");
  if (bits != 8) return not_known(weights, fmt::format("floats of {} bits", bits));
  const auto strategy = optional_text(weights, "strategy");
  if (!strategy) return std::unexpected(strategy.error());
  const std::string name = strategy->value_or("tensor");
  Quantisation form{.dtype = quantised_input ? Dtype::fp8_w8a8 : Dtype::fp8_w8a16};
  const auto block = weights.find("block_structure");
  if (block || name == "block") {
    if (!block)
      return fail(ErrorCode::invalid_argument, fmt::format("config.{} is missing", weights.path_of("block_structure")));
    const auto shape = block_of(*block);
    if (!shape) return std::unexpected(shape.error());
    form.block_shape = *shape;
  } else if (name == "channel") {
    form.per_channel_quant = true;
  } else if (name != "tensor") {
    return not_known(weights, fmt::format("strategy \"{}\"", name));
  }
  return form;
}

Result<Quantisation> weights_form(const ModelView& group) {
  const auto field = group.find("weights");
  if (!field || !field->value->is_object())
    return fail(ErrorCode::invalid_argument, fmt::format("config.{} must be an object", group.path_of("weights")));
  const ModelView weights(*field->value, field->path);
  const auto width = weights.find("num_bits");
  if (!width)
    return fail(ErrorCode::invalid_argument, fmt::format("config.{} is missing", weights.path_of("num_bits")));
  const auto bits = integer_of(*width, 1, 64);
  if (!bits) return std::unexpected(bits.error());
  const auto type = optional_text(weights, "type");
  if (!type) return std::unexpected(type.error());
  const bool quantised_input = group.find("input_activations").has_value();
  return type->value_or("int") == "float" ? float_weights(weights, quantised_input, *bits)
                                          : integer_weights(weights, quantised_input, *bits);
}

bool targets_experts(const json& group) {
  const auto targets = group.find("targets");
  if (targets == group.end() || !targets->is_array()) return false;
  return std::ranges::any_of(*targets, [](const json& target) {
    return target.is_string() && target.get_ref<const std::string&>().find("expert") != std::string::npos;
  });
}

Result<Quantisation> compressed_tensors(const ModelView& view, Notes& notes) {
  const auto field = view.find("config_groups");
  if (!field || !field->value->is_object() || field->value->empty()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("config.{} must be an object with a group", view.path_of("config_groups")));
  }
  const auto& groups = field->value->get_ref<const json::object_t&>();
  std::vector<ModelView> of_experts;
  std::vector<ModelView> all;
  for (const auto& [name, group] : groups) {
    const std::string path = fmt::format("{}.{}", field->path, name.substr(0, 60));
    if (!group.is_object()) return fail(ErrorCode::invalid_argument, fmt::format("config.{} must be an object", path));
    all.emplace_back(group, path);
    if (targets_experts(group)) of_experts.push_back(all.back());
  }
  if (!of_experts.empty() && all.size() > 1) {
    notes.push_back(fmt::format("the quantisation is that of {}, whose targets name experts", of_experts[0].path()));
    all = of_experts;
  }
  const auto form = weights_form(all.front());
  for (const ModelView& other : all) {
    const auto same = weights_form(other);
    if (same.has_value() != form.has_value() || (form && *form != *same)) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("config.{} has groups that quantise differently, and none or several name experts in "
                              "their targets; give the shape with -E, -N, --hidden-size, --topk and --dtype",
                              field->path));
    }
  }
  return form;
}

Result<Quantisation> quark(const ModelView& view, Notes& notes) {
  const auto global = view.find("global_quant_config");
  const auto weight = global && global->value->is_object() ? ModelView(*global->value, global->path).find("weight")
                                                           : std::optional<ModelField>();
  if (!weight || !weight->value->is_object())
    return fail(ErrorCode::invalid_argument,
                fmt::format("config.{} must be an object", view.path_of("global_quant_config.weight")));
  const ModelView form(*weight->value, weight->path);
  const auto dtype = optional_text(form, "dtype");
  const auto scheme = optional_text(form, "qscheme");
  if (!dtype) return std::unexpected(dtype.error());
  if (!scheme) return std::unexpected(scheme.error());
  const std::string name = dtype->value_or("");
  if (name.starts_with("fp4") || name.starts_with("mx")) return no_file_for(name);
  if (!name.starts_with("fp8")) return not_known(form, fmt::format("dtype \"{}\"", name));
  return scheme->value_or("") == "per_channel" ? channel_fp8(view, notes) : Quantisation{.dtype = Dtype::fp8_w8a8};
}

struct Method {
  std::string_view name;
  Result<Quantisation> (*read)(const ModelView&, Notes&);
};

constexpr std::array k_methods = {
    Method{"fp8", fp8_form},
    Method{"compressed-tensors", compressed_tensors},
    Method{"awq", grouped_integers},
    Method{"awq_marlin", grouped_integers},
    Method{"gptq", grouped_integers},
    Method{"gptq_marlin", grouped_integers},
    Method{"moe_wna16", grouped_integers},
    Method{"auto-round", grouped_integers},
    Method{"experts_int8", experts_int8},
    Method{"w8a8_fp8", channel_fp8},
    Method{"w8a8_int8", channel_int8},
    Method{"modelopt", modelopt_form},
    Method{"quark", quark},
    Method{"mxfp4", mxfp4},
    Method{"nvfp4", nvfp4},
    Method{"modelopt_fp4", nvfp4},
    Method{"petit_nvfp4", nvfp4},
    Method{"gguf", gguf},
};

std::optional<ModelField> find_config(const std::vector<ModelView>& views) {
  for (const ModelView& view : views) {
    if (auto field = view.find(FieldNames{"quantization_config", "compression_config"})) return field;
  }
  return std::nullopt;
}

}  // namespace

std::unexpected<Error> nothing_to_tune(const std::string& why) {
  return fail(ErrorCode::conflict, "nothing to tune: " + why);
}

Result<Quantisation> quantisation_of(const std::vector<ModelView>& views, std::vector<std::string>& notes) {
  const auto field = find_config(views);
  if (!field) return Quantisation{};
  if (!field->value->is_object())
    return fail(ErrorCode::invalid_argument, fmt::format("config.{} must be an object", field->path));
  const ModelView view(*field->value, field->path);
  const auto given = optional_text(view, "quant_method");
  if (!given) return std::unexpected(given.error());
  // ModelOpt's own file, which some checkpoints embed, and the first compressed-tensors name no method.
  const char* implied = view.find("config_groups") ? "compressed-tensors" : view.find("quantization") ? "modelopt" : "";
  std::string name = given->value_or(implied);
  std::ranges::replace(name, '_', '-');
  for (const Method& method : k_methods) {
    std::string known(method.name);
    std::ranges::replace(known, '_', '-');
    if (name == known) return method.read(view, notes);
  }
  if (name.empty())
    return fail(ErrorCode::invalid_argument, fmt::format("config.{} is missing", view.path_of("quant_method")));
  return not_known(view, fmt::format("quant_method \"{}\"", given->value_or("")));
}

}  // namespace moetune::schema
