#include "daemon/http/parameters.hpp"

#include <fmt/format.h>

#include <limits>
#include <utility>

namespace moetune::daemon::http {

using schema::Result;

namespace {

constexpr std::int64_t k_max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t k_max_page = 1000;

}  // namespace

const std::vector<std::string_view>& group_parameters() {
  static const std::vector<std::string_view> names = {"device",
                                                      "E",
                                                      "N",
                                                      "hidden_size",
                                                      "topk",
                                                      "dtype",
                                                      "act_dtype",
                                                      "block_shape",
                                                      "gated",
                                                      "per_channel_quant",
                                                      "router_weight_on_input",
                                                      "kernel",
                                                      "kernel_digest",
                                                      "compiler",
                                                      "l2",
                                                      "routing",
                                                      "origin"};
  return names;
}

std::vector<std::string_view> with_group_parameters(std::vector<std::string_view> more) {
  std::vector<std::string_view> names = group_parameters();
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

Result<schema::GroupFilter> group_filter(const Query& query) {
  schema::GroupFilter filter;
  for (const auto& [name, value] : query.all()) {
    if (auto known = filter.set(name, value); !known) return std::unexpected(known.error());
  }
  return filter;
}

Result<std::optional<std::int64_t>> optional_integer(const Query& query, std::string_view name, std::int64_t low,
                                                     std::int64_t high) {
  const auto text = query.get(name);
  if (!text) return std::optional<std::int64_t>();
  auto value = schema::integer_from_text(name, *text, low, high);
  if (!value) return std::unexpected(value.error());
  return std::optional(*value);
}

Result<bool> flag(const Query& query, std::string_view name) {
  const auto text = query.get(name);
  return text ? schema::boolean_from_text(name, *text) : Result<bool>(false);
}

Result<Page> page_of(const Query& query) {
  auto after = optional_integer(query, "after", 0, k_max);
  if (!after) return std::unexpected(after.error());
  auto limit = optional_integer(query, "limit", 1, k_max_page);
  if (!limit) return std::unexpected(limit.error());
  return Page{*after, limit->value_or(Page{}.limit)};
}

nlohmann::ordered_json page_body(std::vector<nlohmann::ordered_json> items, std::optional<std::int64_t> next) {
  nlohmann::ordered_json body;
  body["items"] = std::move(items);
  body["next"] = nullptr;
  if (next) body["next"] = *next;
  return body;
}

Result<std::int64_t> sweep_id(const Request& request) {
  return schema::integer_from_text("sweep id", request.id, 1, k_max);
}

Result<void> check_empty_body(const Request& request) {
  if (request.json.is_null()) return {};
  return schema::ObjectReader(request.json, "the body").finish();
}

}  // namespace moetune::daemon::http
