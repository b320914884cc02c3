#include "daemon/best_answer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/best_view.hpp"
#include "daemon/file_plan.hpp"
#include "daemon/known_groups.hpp"
#include "daemon/traffic_gain.hpp"
#include "daemon/verdict.hpp"
#include "db/database.hpp"
#include "db/traffic_store.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;
using schema::Result;

using OptionalTraffic = std::optional<schema::StoredTraffic>;

/// What the file runs at one of its measured batches.
struct Entry {
  const db::BatchBest* row = nullptr;
  search::Choice choice;
};

/// What the file does at the measured batches, or at those of them that were asked for.
std::vector<KeyTimes> times_at(const FileProblem& problem, bool asked_alone) {
  std::vector<KeyTimes> times;
  for (const FilePoint& point : problem.points) {
    if (asked_alone && !point.asked) continue;
    times.push_back({.batch = point.batch,
                     .best_us = problem.batches.at(point.batch).best.best.latency_us,
                     .default_us = point.default_us,
                     .chosen_us = point.latency_us});
  }
  return times;
}

std::vector<Entry> keys_of(const FilePlan& plan) {
  const auto& batches = plan.problems.front().batches;
  std::vector<Entry> keys;
  for (const FileKey& key : plan.keys) {
    const auto& choice = key.choice;
    keys.push_back({&batches.at(key.batch).best,
                    {choice.config, choice.standings.front().latency_us, choice.is_default, choice.reason}});
  }
  return keys;
}

/// The fastest row of all runs, whichever decides.
const db::BatchBest& best_at(const std::vector<db::BatchBest>& bests, std::int64_t batch) {
  return *std::ranges::find(bests, batch, &db::BatchBest::batch);
}

/// Why a batch that is no key has none.
std::string reason_without_key(const FilePlan& plan, const FilePoint& point) {
  const auto found = std::ranges::find(plan.left_out, point.batch, &LeftOut::batch);
  if (found != plan.left_out.end()) return found->reason;
  return fmt::format("measured between the batches that were asked for: key {} serves it", point.key);
}

/// The measured batches that are no keys.
ordered_json between_keys(const FilePlan& plan, const std::vector<db::BatchBest>& bests) {
  const FileProblem& problem = plan.problems.front();
  ordered_json between = ordered_json::object();
  for (const FilePoint& point : problem.points) {
    if (point.key == point.batch) continue;
    const bool is_default = point.standing == PointStanding::is_default;
    auto entry = best_entry(best_at(bests, point.batch),
                            {point.config, point.latency_us, is_default, reason_without_key(plan, point)},
                            problem.batches.at(point.batch).best.sweep);
    entry["key"] = point.key;
    entry["asked"] = point.asked;
    between[std::to_string(point.batch)] = std::move(entry);
  }
  return between;
}

/// The import that the gain is asked for, or none.
Result<OptionalTraffic> traffic_for(db::Snapshot& snapshot, std::optional<std::int64_t> id, bool all_batches) {
  if (!id) return all_batches ? db::newest_traffic(snapshot) : OptionalTraffic();
  auto found = db::find_traffic(snapshot, *id);
  if (!found) return std::unexpected(found.error());
  return OptionalTraffic(std::move(*found));
}

Result<FilePlan> plan_of(db::Snapshot& snapshot, const db::GroupMatch& match) {
  // SGLang's form, since it holds whatever was measured.
  return plan_file(snapshot, schema::EngineFormat::sglang, {match});
}

Result<ordered_json> group_answer(db::Snapshot& snapshot, const db::GroupMatch& match, const BestQuery& query,
                                  const OptionalTraffic& traffic) {
  const auto plan = plan_of(snapshot, match);
  if (!plan) return std::unexpected(plan.error());
  const auto bests = db::best_of_group(snapshot, match.id);
  if (!bests) return std::unexpected(bests.error());
  const auto keys = keys_of(*plan);
  std::vector<std::int64_t> batches;
  for (const Entry& key : keys) batches.push_back(key.row->batch);
  ordered_json answer;
  schema::write_group(match.group, answer);
  answer["configs"] = ordered_json::object();
  for (const Entry& key : keys) {
    if (query.batch && key.row->batch != schema::nearest_key(batches, *query.batch)) continue;
    answer["configs"][std::to_string(key.row->batch)] =
        best_entry(best_at(*bests, key.row->batch), key.choice, key.row->sweep);
  }
  auto between = query.batch ? ordered_json::object() : between_keys(*plan, *bests);
  if (!between.empty()) answer["between"] = std::move(between);
  const FileProblem& problem = plan->problems.front();
  const auto gain = traffic ? traffic_gain(traffic->traffic, times_at(problem, false)) : std::nullopt;
  if (!plan->unfinished.empty()) answer["unfinished"] = plan->unfinished;
  if (gain) answer["traffic"] = to_json(*gain, *traffic);
  if (!query.batch || query.kernel_share)
    answer["verdict"] = to_json(verdict_on(times_at(problem, true), gain, query.kernel_share));
  return answer;
}

}  // namespace

Result<ordered_json> best_answer(const db::Database& database, const schema::GroupFilter& filter,
                                 const BestQuery& query) {
  return database.read([&](db::Snapshot& snapshot) -> Result<ordered_json> {
    const auto groups = known_groups(snapshot, filter);
    if (!groups) return std::unexpected(groups.error());
    const auto traffic = traffic_for(snapshot, query.traffic, !query.batch);
    if (!traffic) return std::unexpected(traffic.error());
    ordered_json results = ordered_json::array();
    for (const auto& match : *groups) {
      auto answer = group_answer(snapshot, match, query, *traffic);
      if (!answer) return std::unexpected(answer.error());
      results.push_back(std::move(*answer));
    }
    return ordered_json{{"results", std::move(results)}};
  });
}

}  // namespace moetune::daemon
