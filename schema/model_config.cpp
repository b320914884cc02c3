#include "schema/model_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "schema/model_architecture.hpp"
#include "schema/model_view.hpp"
#include "schema/strict_json.hpp"

namespace moetune::schema {
namespace {

using nlohmann::json;

constexpr std::int64_t k_max_experts = 65536;
constexpr std::int64_t k_max_dimension = 1 << 20;
constexpr const char* k_unnamed = "unknown";
constexpr std::array<std::string_view, 3> k_not_json = {"-Infinity", "Infinity", "NaN"};

/// The first name in a view's `architectures`; nothing when it has none.
Result<std::optional<std::string>> architecture_in(const ModelView& view) {
  const auto field = view.find("architectures");
  if (!field) return std::nullopt;
  if (!field->value->is_array())
    return fail(ErrorCode::invalid_argument, fmt::format("config.{} must be a list of names", field->path));
  if (field->value->empty()) return std::nullopt;
  auto name = text_of({&field->value->front(), field->path + "[0]"});
  if (!name) return std::unexpected(name.error());
  return std::move(*name);
}

/// An architecture with the name that found it.
struct Family {
  std::string name;                     ///< the model's, as the engines see it
  const Architecture* entry = nullptr;  ///< null for one that is not known
  bool is_nested = false;               ///< the entry is a nested view's
};

/// The root names the architecture; where it is not known (a wrapper around a language model) a nested view may.
Result<Family> family_of(const std::vector<ModelView>& views, std::vector<std::string>& notes) {
  Family family;
  for (const ModelView& view : views) {
    const auto name = architecture_in(view);
    if (!name) return std::unexpected(name.error());
    if (!*name) continue;
    if (family.name.empty()) family.name = **name;
    family.entry = find_architecture(**name);
    if (family.entry == nullptr) continue;
    family.is_nested = !view.is_root();
    if (family.is_nested) notes.push_back(fmt::format("the architecture is {}'s: {}", view.path(), **name));
    return family;
  }
  if (!family.name.empty()) return family;
  const auto type = views.front().find("model_type");
  if (!type) {
    family.name = k_unnamed;
    return family;
  }
  auto name = text_of(*type);
  if (!name) return std::unexpected(name.error());
  family.name = std::move(*name);
  return family;
}

/// The experts of a model: the view that has them, and their field's names.
struct Place {
  const ModelView* view = nullptr;
  const ExpertFields* fields = nullptr;
};

std::optional<Place> find_place(const std::vector<ModelView>& views, const ExpertFields& fields) {
  for (const ModelView& view : views) {
    if (view.find(fields.experts)) return Place{&view, &fields};
  }
  return std::nullopt;
}

Result<ModelField> required(const Place& place, const std::vector<ModelView>& views, const FieldNames& names) {
  if (auto field = find_in(*place.view, views, names)) return std::move(*field);
  const bool several = !names[1].empty();
  return fail(ErrorCode::invalid_argument,
              fmt::format("config.{} is missing{}: the model has experts", place.view->path_of(names[0]),
                          several ? fmt::format(" (or another of: {})", list_of(names)) : ""));
}

struct Sizes {
  std::string path;
  std::vector<std::int64_t> values;  ///< one, or one a layer
  std::int64_t at(std::size_t layer) const { return values[values.size() == 1 ? 0 : layer]; }
};

Result<Sizes> sizes_of(const Place& place, const std::vector<ModelView>& views, const FieldNames& names,
                       std::int64_t low, std::int64_t high) {
  const auto field = required(place, views, names);
  if (!field) return std::unexpected(field.error());
  auto values = integers_of(*field, low, high);
  if (!values) return std::unexpected(values.error());
  return Sizes{field->path, std::move(*values)};
}

/// The distinct layers of three fields, each of which has one value for all layers or one for each.
Result<std::vector<ExpertLayer>> layers_of(const Sizes& experts, const Sizes& topk, const Sizes& intermediate) {
  std::size_t count = 1;
  const Sizes* longest = &experts;
  for (const Sizes* sizes : {&experts, &topk, &intermediate}) {
    if (sizes->values.size() == 1) continue;
    if (count != 1 && sizes->values.size() != count) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("config.{} lists {} values and config.{} {}: both must list one a layer", longest->path,
                              count, sizes->path, sizes->values.size()));
    }
    count = sizes->values.size();
    longest = sizes;
  }
  std::vector<ExpertLayer> layers;
  for (std::size_t i = 0; i < count; ++i) {
    const ExpertLayer layer{experts.at(i), topk.at(i), intermediate.at(i)};
    if (layer.num_experts <= 1 || std::ranges::find(layers, layer) != layers.end()) continue;
    if (layer.topk > layer.num_experts) {
      return fail(ErrorCode::invalid_argument, fmt::format("config.{} is {}, more than the {} experts of config.{}",
                                                           topk.path, layer.topk, layer.num_experts, experts.path));
    }
    layers.push_back(layer);
  }
  return layers;
}

Result<void> read_layers(MoeModel& model, const Family& family, const Place& place,
                         const std::vector<ModelView>& views) {
  const auto experts = sizes_of(place, views, place.fields->experts, 0, k_max_experts);
  if (!experts) return std::unexpected(experts.error());
  if (std::ranges::max(experts->values) <= 1)
    return nothing_to_tune(fmt::format("{} is dense: config.{} is {}", model.architecture, experts->path,
                                       std::ranges::max(experts->values)));
  const auto topk = sizes_of(place, views, place.fields->topk, 1, k_max_experts);
  if (!topk) return std::unexpected(topk.error());
  const auto intermediate = sizes_of(place, views, place.fields->intermediate, 1, k_max_dimension);
  if (!intermediate) return std::unexpected(intermediate.error());
  auto layers = layers_of(*experts, *topk, *intermediate);
  if (!layers) return std::unexpected(layers.error());
  model.layers = std::move(*layers);

  const auto hidden = required(place, views, place.fields->hidden);
  if (!hidden) return std::unexpected(hidden.error());
  const auto size = integer_of(*hidden, 1, k_max_dimension);
  if (!size) return std::unexpected(size.error());
  model.hidden_size = *size;
  if (place.fields == &generic_fields()) {
    model.notes.push_back(
        fmt::format("{} {}; taken instead: E from {}, topk from {}, the intermediate size from {}, "
                    "the hidden size from {}",
                    model.architecture, family.entry == nullptr ? "is not known" : "lacks its usual fields",
                    experts->path, topk->path, intermediate->path, hidden->path));
  }
  return {};
}

/// dtype (torch_dtype before transformers 5) of the root, else of the view that has the experts.
Result<void> read_act_dtype(MoeModel& model, const Place& place, const std::vector<ModelView>& views) {
  constexpr FieldNames k_names = {"dtype", "torch_dtype"};
  auto field = views.front().find(k_names);
  if (!field) field = place.view->find(k_names);
  if (!field) {
    model.notes.emplace_back("the config has no dtype: bfloat16 is assumed");
    return {};
  }
  const auto text = text_of(*field);
  if (!text) return std::unexpected(text.error());
  std::string_view name = *text;
  if (name.starts_with("torch.")) name.remove_prefix(6);
  if (name == "float16" || name == "half") {
    model.act_dtype = ActDtype::float16;
  } else if (name == "float32" || name == "float" || name == "auto") {
    model.notes.push_back(fmt::format("config.{} is {}: the engines run it as bfloat16", field->path, name));
  } else if (name != "bfloat16") {
    return fail(ErrorCode::invalid_argument,
                fmt::format("config.{} must be bfloat16, float16 or float32, not \"{}\"", field->path, name));
  }
  return {};
}

/// Whether the family's switch says that this model has no experts.
Result<bool> is_switched_off(const Architecture* entry, const std::vector<ModelView>& views) {
  if (entry == nullptr || entry->traits.experts_switch.empty()) return false;
  for (const ModelView& view : views) {
    const auto field = view.find(entry->traits.experts_switch);
    if (!field) continue;
    const auto on = boolean_of(*field);
    if (!on) return std::unexpected(on.error());
    return !*on;
  }
  return false;
}

}  // namespace

Result<json> parse_model_config(std::string_view text, std::string_view what) {
  std::string clean;
  clean.reserve(text.size());
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    const auto name =
        quoted ? k_not_json.end()
               : std::ranges::find_if(k_not_json, [&](std::string_view known) { return rest.starts_with(known); });
    if (name != k_not_json.end()) {
      clean += "null";
      i += name->size() - 1;
      continue;
    }
    if (text[i] == '"') quoted = !quoted;
    clean += text[i];
    if (quoted && text[i] == '\\' && i + 1 < text.size()) clean += text[++i];
  }
  return parse_json(clean, what, 64);
}

Result<MoeModel> moe_model_from_json(const json& config) {
  const auto views = ModelView::all_of(config);
  if (!views) return std::unexpected(views.error());
  MoeModel model;
  const auto family = family_of(*views, model.notes);
  if (!family) return std::unexpected(family.error());
  model.architecture = family->name;
  const auto off = is_switched_off(family->entry, *views);
  if (!off) return std::unexpected(off.error());
  if (*off)
    return nothing_to_tune(
        fmt::format("{} is dense: {} is false", model.architecture, family->entry->traits.experts_switch));

  auto place = family->entry == nullptr ? std::nullopt : find_place(*views, family->entry->fields);
  if (!place) place = find_place(*views, generic_fields());
  if (!place) {
    return nothing_to_tune(
        fmt::format("{} is dense: its config has none of {}", model.architecture, list_of(generic_fields().experts)));
  }
  if (family->entry != nullptr) {
    model.gated = family->entry->traits.gated;
    model.router_weight_on_input = family->entry->traits.router_weight_on_input;
    // SGLang decides by the name at the root.
    model.sglang_fuses_shared_expert = family->entry->traits.sglang_fuses_shared_expert && !family->is_nested;
  }
  if (auto read = read_layers(model, *family, *place, *views); !read) return std::unexpected(read.error());
  if (auto read = read_act_dtype(model, *place, *views); !read) return std::unexpected(read.error());
  auto quantisation = quantisation_of(*views, model.notes);
  if (!quantisation) return std::unexpected(quantisation.error());
  model.quantisation = *quantisation;
  return model;
}

}  // namespace moetune::schema
