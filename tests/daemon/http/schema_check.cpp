#include "tests/daemon/http/schema_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <set>

namespace moetune::daemon::http {
namespace {

using nlohmann::json;
using Breaches = std::vector<std::string>;

bool has_type(const json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

bool has_one_type(const json& value, const json& types) {
  if (types.is_string()) return has_type(value, types);
  return std::ranges::any_of(types, [&](const json& type) { return has_type(value, type); });
}

void check_object(const json& document, const json& schema, const json& value, const std::string& place,
                  Breaches& breaches) {
  for (const auto& name : schema.value("required", json::array())) {
    if (!value.contains(name)) breaches.push_back(fmt::format("{}: {} is missing", place, name.dump()));
  }
  const json choices = schema.value("anyOf", json::array());
  const auto fits = [&](const json& choice) {
    return std::ranges::all_of(choice["required"], [&](const json& name) { return value.contains(name); });
  };
  if (!choices.empty() && !std::ranges::any_of(choices, fits))
    breaches.push_back(fmt::format("{}: has the fields of none of {}", place, choices.dump()));
  const json properties = schema.value("properties", json::object());
  const json others = schema.value("additionalProperties", json(true));
  for (const auto& [name, field] : value.items()) {
    const std::string inner = place + "." + name;
    if (properties.contains(name)) {
      for (auto& breach : schema_breaches(document, properties[name], field, inner)) breaches.push_back(breach);
    } else if (others.is_object()) {
      for (auto& breach : schema_breaches(document, others, field, inner)) breaches.push_back(breach);
    } else if (!others.get<bool>()) {
      breaches.push_back(fmt::format("{} is not in the document", inner));
    }
  }
}

void check_limits(const json& schema, const json& value, const std::string& place, Breaches& breaches) {
  const auto breach = [&](const char* keyword) {
    breaches.push_back(fmt::format("{}: {} breaks {} {}", place, value.dump(), keyword, schema[keyword].dump()));
  };
  if (schema.contains("enum") && std::ranges::count(schema["enum"], value) == 0) breach("enum");
  if (value.is_number()) {
    const double number = value;
    if (schema.contains("minimum") && number < schema["minimum"].get<double>()) breach("minimum");
    if (schema.contains("maximum") && number > schema["maximum"].get<double>()) breach("maximum");
    if (schema.contains("exclusiveMinimum") && number <= schema["exclusiveMinimum"].get<double>())
      breach("exclusiveMinimum");
  }
  if (value.is_array()) {
    if (schema.contains("minItems") && value.size() < schema["minItems"].get<std::size_t>()) breach("minItems");
    if (schema.contains("maxItems") && value.size() > schema["maxItems"].get<std::size_t>()) breach("maxItems");
  }
  if (value.is_string()) {
    const auto bytes = value.get_ref<const std::string&>().size();
    if (schema.contains("minLength") && bytes < schema["minLength"].get<std::size_t>()) breach("minLength");
    if (schema.contains("maxLength") && bytes > schema["maxLength"].get<std::size_t>()) breach("maxLength");
  }
  if (value.is_string() && schema.contains("pattern") &&
      !std::regex_search(value.get<std::string>(), std::regex(schema["pattern"].get<std::string>()))) {
    breach("pattern");
  }
}

}  // namespace

const json& resolved(const json& document, const json& value) {
  // NOLINTNEXTLINE(bugprone-return-const-ref-from-parameter): schemas outlive the look
  if (!value.is_object() || !value.contains("$ref")) return value;
  return document.at(json::json_pointer(value["$ref"].get<std::string>().substr(1)));
}

Breaches schema_breaches(const json& document, const json& reference, const json& value, const std::string& place) {
  static const std::set<std::string> known = {"type",      "properties",
                                              "required",  "additionalProperties",
                                              "items",     "enum",
                                              "minimum",   "maximum",
                                              "pattern",   "exclusiveMinimum",
                                              "minItems",  "maxItems",
                                              "default",   "description",
                                              "examples",  "minLength",
                                              "maxLength", "anyOf"};
  const json& schema = resolved(document, reference);
  Breaches breaches;
  for (const auto& [keyword, unused] : schema.items()) {
    if (!known.contains(keyword)) breaches.push_back(fmt::format("{}: keyword {} is not understood", place, keyword));
  }
  if (schema.contains("type") && !has_one_type(value, schema["type"])) {
    breaches.push_back(fmt::format("{}: {} is no {}", place, value.dump().substr(0, 60), schema["type"].dump()));
    return breaches;
  }
  check_limits(schema, value, place, breaches);
  if (value.is_object()) check_object(document, schema, value, place, breaches);
  if (value.is_array() && schema.contains("items")) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      const auto inner = schema_breaches(document, schema["items"], value[i], fmt::format("{}[{}]", place, i));
      breaches.insert(breaches.end(), inner.begin(), inner.end());
    }
  }
  return breaches;
}

}  // namespace moetune::daemon::http
