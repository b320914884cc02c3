#include "daemon/best_answer.hpp"

#include "daemon/best_view.hpp"
#include "daemon/known_groups.hpp"
#include "daemon/traffic_gain.hpp"
#include "db/database.hpp"
#include "db/traffic_store.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;
using schema::Result;

using OptionalTraffic = std::optional<schema::StoredTraffic>;

KeyTimes key_times(const db::BatchBest& row) {
  const auto choice = choice_for(row);
  KeyTimes times{.batch = row.batch, .best_us = row.best.latency_us, .default_us = {}, .chosen_us = choice.latency_us};
  if (row.default_row) times.default_us = row.default_row->latency_us;
  return times;
}

/// The import that the gain is asked for, or none.
Result<OptionalTraffic> traffic_for(db::Snapshot& snapshot, std::optional<std::int64_t> id, bool all_batches) {
  if (!id) return all_batches ? db::newest_traffic(snapshot) : OptionalTraffic();
  auto found = db::find_traffic(snapshot, *id);
  if (!found) return std::unexpected(found.error());
  return OptionalTraffic(std::move(*found));
}

void add_gain(const std::vector<db::BatchBest>& rows, const schema::StoredTraffic& traffic, ordered_json& answer) {
  std::vector<KeyTimes> keys;
  for (const auto& row : rows) keys.push_back(key_times(row));
  if (const auto gain = traffic_gain(traffic.traffic, keys)) answer["traffic"] = to_json(*gain, traffic);
}

Result<ordered_json> group_answer(db::Snapshot& snapshot, const db::GroupMatch& match,
                                  std::optional<std::int64_t> batch, const OptionalTraffic& traffic) {
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
  if (traffic) add_gain(*rows, *traffic, answer);
  return answer;
}

}  // namespace

Result<ordered_json> best_answer(const db::Database& database, const schema::GroupFilter& filter,
                                 std::optional<std::int64_t> batch, std::optional<std::int64_t> traffic) {
  return database.read([&](db::Snapshot& snapshot) -> Result<ordered_json> {
    const auto groups = known_groups(snapshot, filter);
    if (!groups) return std::unexpected(groups.error());
    const auto weights = traffic_for(snapshot, traffic, !batch);
    if (!weights) return std::unexpected(weights.error());
    ordered_json results = ordered_json::array();
    for (const auto& match : *groups) {
      auto answer = group_answer(snapshot, match, batch, *weights);
      if (!answer) return std::unexpected(answer.error());
      results.push_back(std::move(*answer));
    }
    return ordered_json{{"results", std::move(results)}};
  });
}

}  // namespace moetune::daemon
