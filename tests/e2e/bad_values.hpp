#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace moetune::e2e {

/// A value that a parameter or a field must refuse.
struct BadValue {
  std::string text;          ///< percent-encoded for a query or a path, JSON text for a field
  bool breaks_form = false;  ///< no JSON or no UTF-8 at all: the message need not name the field
};

/// Values against the schema of a query or path parameter: wrong types, numbers outside its range and outside of any
/// range, empty and long ones, characters that are none.
std::vector<BadValue> bad_parameter_values(const nlohmann::json& schema);

/// The same for a field of a JSON object; also values of every type that the schema does not name, and, for arrays,
/// elements of those kinds.
std::vector<BadValue> bad_field_values(const nlohmann::json& schema);

/// `object` as JSON text with `text` in the place of the field `name`.
std::string with_field(const nlohmann::json& object, const std::string& name, const std::string& text);

}  // namespace moetune::e2e
