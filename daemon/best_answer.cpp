#include "daemon/best_answer.hpp"

#include "daemon/best_view.hpp"
#include "daemon/known_groups.hpp"
#include "db/database.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;
using schema::Result;

Result<ordered_json> group_answer(db::Snapshot& snapshot, const db::GroupMatch& match,
                                  std::optional<std::int64_t> batch) {
  const auto rows = db::best_of_group(snapshot, match.id);
  if (!rows) return std::unexpected(rows.error());
  std::optional<std::int64_t> only;
  if (batch && !rows->empty()) {
    std::vector<std::int64_t> keys;
    for (const auto& row : *rows) keys.push_back(row.batch);
    only = schema::nearest_key(keys, *batch);
  }
  ordered_json answer;
  schema::write_group(match.group, answer);
  ordered_json configs = ordered_json::object();
  for (const auto& row : *rows) {
    if (only && row.batch != *only) continue;
    configs[std::to_string(row.batch)] = best_entry(row, choice_for(row));
  }
  answer["configs"] = std::move(configs);
  return answer;
}

}  // namespace

Result<ordered_json> best_answer(const db::Database& database, const schema::GroupFilter& filter,
                                 std::optional<std::int64_t> batch) {
  return database.read([&](db::Snapshot& snapshot) -> Result<ordered_json> {
    const auto groups = known_groups(snapshot, filter);
    if (!groups) return std::unexpected(groups.error());
    ordered_json results = ordered_json::array();
    for (const auto& match : *groups) {
      auto answer = group_answer(snapshot, match, batch);
      if (!answer) return std::unexpected(answer.error());
      results.push_back(std::move(*answer));
    }
    return ordered_json{{"results", std::move(results)}};
  });
}

}  // namespace moetune::daemon
