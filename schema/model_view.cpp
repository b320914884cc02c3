#include "schema/model_view.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace moetune::schema {
namespace {

using nlohmann::json;

constexpr std::size_t k_max_elements = 4096;  ///< layers that any model has
constexpr std::size_t k_max_text_bytes = 256;

std::unexpected<Error> wrong(const ModelField& field, std::string_view right) {
  const std::string shown = field.value->dump(-1, ' ', true, json::error_handler_t::replace);
  const bool is_long = shown.size() > 60;
  return fail(ErrorCode::invalid_argument, fmt::format("config.{} must be {}, not {:.{}}{}", field.path, right, shown,
                                                       is_long ? 57 : 60, is_long ? "..." : ""));
}

Result<std::int64_t> integer_in(const ModelField& field, const json& value, std::int64_t low, std::int64_t high) {
  const bool fits = value.is_number_integer() && (!value.is_number_unsigned() || value.get<std::uint64_t>() >> 63 == 0);
  if (!fits || value.get<std::int64_t>() < low || value.get<std::int64_t>() > high) {
    return wrong(field, fmt::format("a whole number from {} to {}", low, high));
  }
  return value.get<std::int64_t>();
}

}  // namespace

Result<std::vector<ModelView>> ModelView::all_of(const json& config) {
  if (!config.is_object()) return fail(ErrorCode::invalid_argument, "config must be a JSON object");
  static const std::vector<std::string_view> paths[] = {
      {"text_config"}, {"thinker_config", "text_config"}, {"language_config"}, {"llm_config"}, {"ffn_config"}};
  std::vector<ModelView> views = {ModelView(config, "")};
  for (const auto& path : paths) {
    ModelField field{&config, ""};
    for (const std::string_view name : path) {
      const ModelView outer(*field.value, field.path);
      const auto inner = outer.find(name);
      field.value = inner ? inner->value : nullptr;
      if (field.value == nullptr) break;
      field.path = inner->path;
      if (!field.value->is_object()) return wrong(field, "an object");
    }
    if (field.value != nullptr) views.emplace_back(*field.value, field.path);
  }
  return views;
}

std::string ModelView::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

std::optional<ModelField> ModelView::find(const FieldNames& names) const {
  for (const std::string_view name : names) {
    const auto found = name.empty() ? object_->end() : object_->find(name);
    if (found != object_->end() && !found->is_null()) return ModelField{&*found, path_of(name)};
  }
  return std::nullopt;
}

std::optional<ModelField> find_in(const ModelView& first, const std::vector<ModelView>& others,
                                  const FieldNames& names) {
  if (auto field = first.find(names)) return field;
  for (const ModelView& view : others) {
    if (auto field = view.find(names)) return field;
  }
  return std::nullopt;
}

Result<std::int64_t> integer_of(const ModelField& field, std::int64_t low, std::int64_t high) {
  return integer_in(field, *field.value, low, high);
}

Result<std::vector<std::int64_t>> integers_of(const ModelField& field, std::int64_t low, std::int64_t high) {
  if (!field.value->is_array()) {
    const auto number = integer_of(field, low, high);
    if (!number) return std::unexpected(number.error());
    return std::vector{*number};
  }
  if (field.value->empty() || field.value->size() > k_max_elements) {
    return fail(ErrorCode::invalid_argument, fmt::format("config.{} lists {} values, 1 to {} are possible", field.path,
                                                         field.value->size(), k_max_elements));
  }
  std::vector<std::int64_t> numbers;
  for (const json& element : *field.value) {
    const auto number = integer_in(field, element, low, high);
    if (!number) return std::unexpected(number.error());
    numbers.push_back(*number);
  }
  return numbers;
}

Result<std::string> text_of(const ModelField& field) {
  if (!field.value->is_string() || field.value->get_ref<const std::string&>().size() > k_max_text_bytes)
    return wrong(field, "a short text");
  return field.value->get<std::string>();
}

Result<bool> boolean_of(const ModelField& field) {
  if (!field.value->is_boolean()) return wrong(field, "true or false");
  return field.value->get<bool>();
}

std::string list_of(const FieldNames& names) {
  std::string text;
  for (const std::string_view name : names) {
    if (!name.empty()) text += fmt::format("{}{}", text.empty() ? "" : ", ", name);
  }
  return text;
}

}  // namespace moetune::schema
