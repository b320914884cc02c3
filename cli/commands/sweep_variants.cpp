#include "cli/commands/sweep_variants.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/text.hpp"
#include "schema/group.hpp"
#include "schema/routing.hpp"
#include "schema/strict_json.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr std::uintmax_t k_max_bytes = 900 << 10;  // a body of 1 MiB has to hold it, written anew

bool is_file(const std::string& text) {
  std::error_code ignored;
  return text.ends_with(".json") || text.ends_with(".pt") || text.find('/') != std::string::npos ||
         std::filesystem::is_regular_file(text, ignored);
}

/// The content of a file of counts, in canonical form.
Result<ordered_json> counts_in(const std::string& path) {
  if (path.ends_with(".pt")) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("--routing: {} is a file of PyTorch, and counts are read from JSON: docs/routing.md has the "
                    "line of Python that turns one into the other",
                    path));
  }
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  if (error || !file || !(bytes << file.rdbuf())) {
    return fail(ErrorCode::invalid_argument, fmt::format("--routing: cannot read {}", path));
  }
  if (size > k_max_bytes) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--routing: {} is larger than {} KiB: give fewer layers", path, k_max_bytes >> 10));
  }
  const auto value = schema::parse_json(bytes.str(), path);
  if (!value) return fail(ErrorCode::invalid_argument, fmt::format("--routing: {}", value.error().message));
  const auto counts = schema::expert_counts_from_json(*value);
  if (!counts) {
    return fail(ErrorCode::invalid_argument, fmt::format("--routing: {}: {}", path, counts.error().message));
  }
  return to_json(*counts);
}

Result<ordered_json> routing_field(const std::string& text) {
  const auto routing = schema::routing_from_name(text);
  if (!routing && is_file(text)) return counts_in(text);
  if (!routing)
    return fail(ErrorCode::invalid_argument, fmt::format("--routing: {}", printable(routing.error().message)));
  return ordered_json(name_of(*routing));
}

Result<ordered_json> l2_field(const std::string& text) {
  const auto l2 = schema::l2_from_name(text);
  if (!l2) return fail(ErrorCode::invalid_argument, fmt::format("--l2: {}", printable(l2.error().message)));
  return ordered_json(name_of(*l2));
}

/// One value of a field, with what it is called in a title.
struct Value {
  ordered_json field;  ///< null: not given
  std::string word;
};

Result<std::vector<Value>> values_of(const char* flag, const std::string& list,
                                     Result<ordered_json> (*read)(const std::string&)) {
  if (list.empty()) return std::vector<Value>(1);
  std::vector<Value> values;
  for (const auto& word : split(list, ',')) {
    auto field = read(word);
    if (!field) return std::unexpected(field.error());
    if (std::ranges::any_of(values, [&](const Value& value) { return value.field == *field; })) {
      return fail(ErrorCode::invalid_argument, fmt::format("{} lists {} twice", flag, printable(word)));
    }
    std::string shown = field->is_string() ? field->get<std::string>() : printable(word);
    values.push_back({std::move(*field), std::move(shown)});
  }
  return values;
}

}  // namespace

Result<std::vector<SweepVariant>> sweep_variants(const std::string& routings, const std::string& l2s) {
  const auto ways = values_of("--routing", routings, &routing_field);
  if (!ways) return std::unexpected(ways.error());
  auto places = values_of("--l2", l2s, &l2_field);
  if (!places) return std::unexpected(places.error());
  // The warm sweep comes first, so that the cold one after it measures the warm winners cold.
  std::ranges::stable_partition(*places, [](const Value& place) { return place.field == "warm"; });
  std::vector<SweepVariant> variants;
  for (const Value& way : *ways) {
    for (const Value& place : *places) {
      SweepVariant variant{.fields = ordered_json::object(), .title = ""};
      if (!way.field.is_null()) variant.fields["routing"] = way.field;
      if (!place.field.is_null()) variant.fields["l2"] = place.field;
      if (ways->size() > 1) variant.title = fmt::format("routing {}", way.word);
      if (places->size() > 1) variant.title += fmt::format("{}l2 {}", variant.title.empty() ? "" : ", ", place.word);
      variants.push_back(std::move(variant));
    }
  }
  return variants;
}

}  // namespace moetune::cli
