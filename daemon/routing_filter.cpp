#include "daemon/routing_filter.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "db/best_query.hpp"
#include "db/database.hpp"
#include "schema/group.hpp"
#include "schema/routing.hpp"

namespace moetune::daemon {

schema::Result<void> check_routing_filter(const db::Database& database, std::string_view routing) {
  if (schema::routing_from_name(routing)) return {};
  const auto known = database.read([](db::Snapshot& snapshot) { return db::known_routings(snapshot, {}); });
  if (!known) return std::unexpected(known.error());
  if (std::ranges::find(*known, routing) != known->end()) return {};
  constexpr std::size_t k_most = 8;
  const auto some = std::span(*known).first(std::min(known->size(), k_most));
  return schema::fail(
      schema::ErrorCode::invalid_argument,
      fmt::format(
          "routing \"{}\" is not known; rows are asked for by uniform, zipf:S with S from 0.01 to 4 in steps of "
          "0.01, or counts:HEX (GET /routings lists them){}{}",
          routing.substr(0, 80), some.empty() ? "" : "; there are rows of ", fmt::join(some, ", ")),
      {{"parameter", "routing"}});
}

}  // namespace moetune::daemon
