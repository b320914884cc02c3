#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "daemon/http/message.hpp"
#include "schema/error.hpp"
#include "schema/group.hpp"

namespace moetune::daemon::http {

/// The names of a group's fields as query parameters.
const std::vector<std::string_view>& group_parameters();

/// `more` after the group's fields: the known parameters of a route.
std::vector<std::string_view> with_group_parameters(std::vector<std::string_view> more);

/// The group's fields of a query; other parameters are passed over. Errors: invalid_argument.
schema::Result<schema::GroupFilter> group_filter(const Query& query);

struct Page {
  std::optional<std::int64_t> after;
  std::int64_t limit = 100;
};
/// `limit` 1..1000 and `after`. Errors: invalid_argument.
schema::Result<Page> page_of(const Query& query);

/// {"items": [...], "next": cursor or null}
nlohmann::ordered_json page_body(std::vector<nlohmann::ordered_json> items, std::optional<std::int64_t> next);

schema::Result<std::optional<std::int64_t>> optional_integer(const Query& query, std::string_view name,
                                                             std::int64_t low, std::int64_t high);
/// Absent is false.
schema::Result<bool> flag(const Query& query, std::string_view name);

/// The {id} of a route as a number. Errors: invalid_argument.
schema::Result<std::int64_t> sweep_id(const Request& request);

/// A body, where there is one, must be {}. Errors: invalid_argument.
schema::Result<void> check_empty_body(const Request& request);

}  // namespace moetune::daemon::http
