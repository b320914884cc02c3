#include "tests/e2e/bad_values.hpp"

#include <algorithm>

namespace moetune::e2e {
namespace {

using nlohmann::json;

constexpr std::size_t k_long = 5000;  ///< fits into a request line
constexpr std::size_t k_very_long = 100'000;

bool names_type(const json& schema, const char* type) {
  const json types = schema.value("type", json());
  return types == type || (types.is_array() && std::ranges::count(types, json(type)) > 0);
}

bool is_number(const json& schema) {
  return names_type(schema, "integer") || names_type(schema, "number");
}

/// Text that is none: it must be refused before anything looks at it.
const std::vector<BadValue>& broken_escapes() {
  static const std::vector<BadValue> values = {{"%00"}, {"1%00"}, {"%ff"}, {"%C3%28"}, {"%ED%A0%80"}, {"%zz"}, {"%0a"}};
  return values;
}

void add_numbers_outside(const json& schema, std::vector<BadValue>& values) {
  for (const char* text : {"-1", "-9223372036854775809", "1e30"}) values.push_back({text});
  values.push_back({"1e400", true});
  if (!names_type(schema, "integer")) return;
  for (const char* text : {"1.5", "9223372036854775808", "18446744073709551616"}) values.push_back({text});
  if (schema.value("minimum", 0) > 0) values.push_back({"0"});
}

void add_bad_texts(const json& schema, std::vector<BadValue>& values) {
  const bool closed = schema.contains("enum") || schema.contains("pattern");
  if (closed || schema.value("minLength", 0) > 0) values.push_back({"\"\""});
  if (closed) values.push_back({"\"nonsense\""});
  if (schema.contains("maxLength")) {
    values.push_back({json(std::string(schema["maxLength"].get<std::size_t>() + 1, 'x')).dump()});
  }
  values.push_back({json(std::string(k_very_long, 'x')).dump()});
  values.push_back({"\"a\\u0000b\""});
  values.push_back({"\"\\ud800\"", true});
  values.push_back({"\"\xff\"", true});
}

void add_bad_arrays(const json& schema, std::vector<BadValue>& values) {
  for (const BadValue& element : bad_field_values(schema["items"])) {
    values.push_back({"[" + element.text + "]", element.breaks_form});
  }
  if (schema.value("minItems", 0) > 0) values.push_back({"[]"});
  if (!schema.contains("maxItems")) return;
  json many = json::array();
  for (std::size_t i = 0; i <= schema["maxItems"].get<std::size_t>(); ++i) many.push_back(i + 1);
  values.push_back({many.dump()});
}

}  // namespace

std::vector<BadValue> bad_parameter_values(const json& schema) {
  std::vector<BadValue> values = broken_escapes();
  values.push_back({std::string(k_long, '9') + "x"});
  if (is_number(schema)) {
    for (const char* text : {"", "x", "%201", "0x10", "1e2", "1.5", "-1", "1e30", "9223372036854775808",
                             "18446744073709551616", "null", "%E2%82%AC"}) {
      values.push_back({text});
    }
    // The message quotes the value, cut off: here in the middle of a character.
    values.push_back({std::string(39, '1') + "%E2%82%AC"});
    if (schema.value("minimum", 0) > 0) values.push_back({"0"});
  } else {
    const bool closed = schema.contains("enum") || schema.contains("pattern");
    if (closed || schema.value("minLength", 0) > 0) values.push_back({""});
    if (closed) values.push_back({"nonsense"});
    if (closed) values.push_back({std::string(39, 'z') + "%E2%82%AC"});
    if (schema.contains("maxLength")) values.push_back({std::string(schema["maxLength"].get<std::size_t>() + 1, 'x')});
  }
  return values;
}

std::vector<BadValue> bad_field_values(const json& schema) {
  const std::pair<const char*, const char*> samples[] = {{"null", "null"},  {"boolean", "true"},
                                                         {"number", "7.5"}, {"string", "\"7\""},
                                                         {"array", "[[]]"}, {"object", "{\"7\":7}"}};
  std::vector<BadValue> values;
  for (const auto& [type, text] : samples) {
    if (!names_type(schema, type)) values.push_back({text});
  }
  if (!is_number(schema)) values.push_back({"7"});
  if (is_number(schema)) add_numbers_outside(schema, values);
  if (names_type(schema, "string")) add_bad_texts(schema, values);
  if (names_type(schema, "array")) add_bad_arrays(schema, values);
  if (schema.value("additionalProperties", json()).is_object()) {
    for (const BadValue& inner : bad_field_values(schema["additionalProperties"])) {
      values.push_back({"{\"align\":" + inner.text + "}", inner.breaks_form});
    }
  }
  return values;
}

std::string with_field(const json& object, const std::string& name, const std::string& text) {
  std::string body = "{" + json(name).dump() + ":" + text;
  for (const auto& [other, value] : object.items()) {
    if (other != name) body += "," + json(other).dump() + ":" + value.dump();
  }
  return body + "}";
}

}  // namespace moetune::e2e
