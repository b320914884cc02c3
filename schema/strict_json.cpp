#include "schema/strict_json.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace moetune::schema {
namespace {

using nlohmann::json;

std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

/// Builds the value from the parser's events and ends parsing at the first fault. The object under construction knows
/// its fields already, so a field that appears twice shows at its name.
class StrictBuilder {
 public:
  explicit StrictBuilder(int max_depth) : max_depth_(static_cast<std::size_t>(max_depth)) {}

  json& value() { return root_; }
  const std::string& reason() const { return reason_; }

  // The interface that json::sax_parse asks for, in its names.
  bool null() { return put(nullptr) != nullptr; }
  bool boolean(bool value) { return put(value) != nullptr; }
  bool number_integer(json::number_integer_t value) { return put(value) != nullptr; }
  bool number_unsigned(json::number_unsigned_t value) { return put(value) != nullptr; }
  bool number_float(json::number_float_t value, const std::string&) { return put(value) != nullptr; }
  bool string(std::string& value) { return put(std::move(value)) != nullptr; }
  bool binary(json::binary_t& value) { return put(std::move(value)) != nullptr; }
  bool start_object(std::size_t) { return open(json::object()); }
  bool end_object() { return close(); }
  bool start_array(std::size_t) { return open(json::array()); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    const auto [place, added] = open_.back()->get_ref<json::object_t&>().try_emplace(std::move(name), nullptr);
    field_ = &place->second;
    return added || refuse(fmt::format("field \"{}\" appears twice", place->first.substr(0, 60)));
  }

  bool parse_error(std::size_t, const std::string&, const json::exception& error) {
    const std::string reason = error.what();
    const auto cut = reason.find("] ");
    return refuse(cut == std::string::npos ? reason : reason.substr(cut + 2));
  }

 private:
  bool refuse(std::string reason) {
    reason_ = std::move(reason);
    return false;
  }

  /// The place of a new value: the next element, the field that was named, or the whole.
  template <typename Value>
  json* put(Value&& value) {
    if (open_.empty()) {
      root_ = std::forward<Value>(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      return &open_.back()->get_ref<json::array_t&>().emplace_back(std::forward<Value>(value));
    }
    *field_ = std::forward<Value>(value);
    return field_;
  }

  bool open(json value) {
    if (open_.size() >= max_depth_) return refuse(fmt::format("nested deeper than {} levels", max_depth_));
    open_.push_back(put(std::move(value)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  const std::size_t max_depth_;
  json root_;
  std::vector<json*> open_;  ///< arrays and objects that have begun and not ended; each stays where it is meanwhile
  json* field_ = nullptr;    ///< of the innermost open object, as its name was read last
  std::string reason_;
};

}  // namespace

Result<json> parse_json(std::string_view text, std::string_view what, int max_depth) {
  StrictBuilder builder(max_depth);
  if (json::sax_parse(text, &builder)) return std::move(builder.value());
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} is not valid JSON: {}", what, builder.reason().substr(0, 200)));
}

ObjectReader::ObjectReader(const json& object, std::string_view what) : object_(object), what_(what) {
  if (!object_.is_object()) {
    error_ = Error{ErrorCode::invalid_argument, fmt::format("{} must be a JSON object, not {}", what_, shown(object_)),
                   nullptr};
  }
}

const json* ObjectReader::find(std::string_view name, bool required) {
  if (!is_known(name)) known_.push_back(name);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(name);
  if (found != object_.end()) return &*found;
  if (required) reject(name, "is required and missing");
  return nullptr;
}

bool ObjectReader::is_known(std::string_view name) const {
  return std::ranges::find(known_, name) != known_.end();
}

const json* ObjectReader::raw(std::string_view name) {
  return find(name, false);
}
const json* ObjectReader::required_raw(std::string_view name) {
  return find(name, true);
}
bool ObjectReader::has(std::string_view name) const {
  return object_.is_object() && object_.contains(name);
}

void ObjectReader::refuse_null(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const json* value = find(name, false); value != nullptr && value->is_null()) {
      reject(name, "must not be null; leave it out for its default");
    }
  }
}

void ObjectReader::reject(std::string_view name, std::string message) {
  if (!error_) error_ = Error{ErrorCode::invalid_argument, fmt::format("{}.{} {}", what_, name, message), nullptr};
}

void ObjectReader::adopt(const Error& error) {
  if (!error_) error_ = error;
}

template <typename T>
std::optional<T> ObjectReader::checked_number(std::string_view name, const json& value, T low, T high) {
  constexpr bool k_integral = std::is_integral_v<T>;
  const bool fits = k_integral ? value.is_number_integer() : value.is_number();
  if (!fits) {
    reject(name, fmt::format("must be {}, not {}", k_integral ? "an integer" : "a number", shown(value)));
    return std::nullopt;
  }
  const bool overflows =
      k_integral && value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(k_max);
  const T number = overflows ? high : value.get<T>();
  if (overflows || !(number >= low && number <= high)) {
    if (high == std::numeric_limits<T>::max()) {
      reject(name, fmt::format("must be at least {}, not {}", low, shown(value)));
    } else {
      reject(name, fmt::format("must be between {} and {}, not {}", low, high, shown(value)));
    }
    return std::nullopt;
  }
  return number;
}

std::int64_t ObjectReader::integer(std::string_view name, std::int64_t low, std::int64_t high) {
  const json* value = find(name, true);
  return value == nullptr ? low : checked_number<std::int64_t>(name, *value, low, high).value_or(low);
}

std::optional<std::int64_t> ObjectReader::optional_integer(std::string_view name, std::int64_t low, std::int64_t high) {
  const json* value = find(name, false);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return checked_number<std::int64_t>(name, *value, low, high);
}

double ObjectReader::number(std::string_view name, double low, double high) {
  const json* value = find(name, true);
  return value == nullptr ? low : checked_number<double>(name, *value, low, high).value_or(low);
}

std::optional<double> ObjectReader::optional_number(std::string_view name, double low, double high) {
  const json* value = find(name, false);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return checked_number<double>(name, *value, low, high);
}

std::optional<double> ObjectReader::nullable_number(std::string_view name, double low, double high) {
  const json* value = find(name, true);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return checked_number<double>(name, *value, low, high);
}

std::string ObjectReader::text(std::string_view name, std::size_t max_bytes) {
  const json* value = find(name, true);
  if (value != nullptr && value->is_null()) reject(name, "must be a string, not null");
  return optional_text(name, max_bytes).value_or("");
}

std::optional<std::string> ObjectReader::nullable_text(std::string_view name, std::size_t max_bytes) {
  find(name, true);
  return optional_text(name, max_bytes);
}

std::optional<std::string> ObjectReader::optional_text(std::string_view name, std::size_t max_bytes) {
  const json* value = find(name, false);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_string()) {
    reject(name, fmt::format("must be a string, not {}", shown(*value)));
    return std::nullopt;
  }
  const auto& text = value->get_ref<const std::string&>();
  if (text.size() > max_bytes) {
    reject(name, fmt::format("is {} bytes long, at most {} are allowed", text.size(), max_bytes));
    return std::nullopt;
  }
  if (text.find('\0') != std::string::npos) {
    reject(name, "must not contain a NUL character");
    return std::nullopt;
  }
  return text;
}

bool ObjectReader::boolean_or(std::string_view name, bool fallback) {
  const json* value = find(name, false);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) {
    reject(name, fmt::format("must be true or false, not {}", shown(*value)));
    return fallback;
  }
  return value->get<bool>();
}

std::vector<std::int64_t> ObjectReader::integers(std::string_view name, std::int64_t low, std::int64_t high,
                                                 std::size_t max_count) {
  const json* value = find(name, false);
  if (value == nullptr || value->is_null()) return {};
  if (!value->is_array()) {
    reject(name, fmt::format("must be an array of integers, not {}", shown(*value)));
    return {};
  }
  if (value->size() > max_count) {
    reject(name, fmt::format("has {} elements, at most {} are allowed", value->size(), max_count));
    return {};
  }
  std::vector<std::int64_t> numbers;
  for (const json& element : *value) {
    const auto number = checked_number<std::int64_t>(name, element, low, high);
    if (!number) return {};
    numbers.push_back(*number);
  }
  return numbers;
}

std::optional<std::vector<double>> ObjectReader::optional_numbers(std::string_view name, double low, double high,
                                                                  std::size_t max_count) {
  const json* value = find(name, false);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_array()) {
    reject(name, fmt::format("must be an array of numbers, not {}", shown(*value)));
    return std::nullopt;
  }
  if (value->size() > max_count) {
    reject(name, fmt::format("has {} elements, at most {} are allowed", value->size(), max_count));
    return std::nullopt;
  }
  std::vector<double> numbers;
  for (const json& element : *value) {
    const auto number = checked_number<double>(name, element, low, high);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

Result<void> ObjectReader::finish() {
  if (error_) return std::unexpected(*error_);
  for (const auto& [name, value] : object_.get_ref<const json::object_t&>()) {
    if (is_known(name)) continue;
    std::ranges::sort(known_);
    return fail(ErrorCode::invalid_argument, fmt::format("{} has no field \"{}\"; its fields are {}", what_,
                                                         name.substr(0, 60), fmt::join(known_, ", ")));
  }
  return {};
}

}  // namespace moetune::schema
