#include "daemon/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "daemon/best_view.hpp"
#include "db/best_query.hpp"
#include "db/catalog.hpp"
#include "db/database.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::GroupFilter;
using schema::Problem;
using schema::Result;

constexpr std::size_t k_nearest_problems = 5;

/// How far a problem is from what was asked for, on a logarithmic scale; fields that were not asked for do not count.
double distance(const GroupFilter& filter, const Problem& problem) {
  const auto apart = [](const std::optional<std::int64_t>& wanted, std::int64_t value) {
    return wanted ? std::abs(std::log2(static_cast<double>(*wanted) / static_cast<double>(value))) : 0.0;
  };
  double sum = apart(filter.num_experts, problem.num_experts) +
               apart(filter.intermediate_size, problem.intermediate_size) +
               apart(filter.hidden_size, problem.hidden_size) + apart(filter.topk, problem.topk);
  if (filter.dtype && *filter.dtype != problem.dtype) sum += 1;
  if (filter.block_shape && *filter.block_shape != problem.block_shape) sum += 1;
  return sum;
}

Result<schema::Error> nothing_known(db::Snapshot& snapshot, const GroupFilter& filter) {
  auto problems = db::known_problems(snapshot);
  if (!problems) return std::unexpected(problems.error());
  std::ranges::stable_sort(*problems, {}, [&](const Problem& problem) { return distance(filter, problem); });
  nlohmann::json nearest = nlohmann::json::array();
  for (std::size_t i = 0; i < std::min(k_nearest_problems, problems->size()); ++i) {
    ordered_json object;
    schema::write_problem((*problems)[i], object);
    nearest.push_back(nlohmann::json(object));
  }
  const char* message = problems->empty() ? "nothing has been measured or imported yet" : "no measured row matches";
  return schema::Error{ErrorCode::not_found, message, {{"nearest", std::move(nearest)}}};
}

Result<std::vector<db::GroupMatch>> groups_or_not_found(db::Snapshot& snapshot, const GroupFilter& filter) {
  auto groups = db::matching_groups(snapshot, filter);
  if (!groups || !groups->empty()) return groups;
  auto error = nothing_known(snapshot, filter);
  return std::unexpected(error ? *error : error.error());
}

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
    const auto choice = choice_for(snapshot, row);
    if (!choice) return std::unexpected(choice.error());
    configs[std::to_string(row.batch)] = best_entry(row, *choice);
  }
  answer["configs"] = std::move(configs);
  return answer;
}

nlohmann::json listed(const std::vector<db::GroupMatch>& groups) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& match : groups) {
    ordered_json object;
    schema::write_group(match.group, object);
    list.push_back(nlohmann::json(object));
  }
  return list;
}

/// Why a file in this format must not be made from this group unless it is asked for by name; empty when it may.
std::string objection(const ExportQuery& query, const schema::Group& group) {
  const auto engine = name_of(query.format);
  if (!query.filter.kernel && group.kernel != engine) {
    return fmt::format(
        "its rows were measured with kernel \"{0}\", and a {1} file steers {1}'s own kernel: name it (kernel={0}) "
        "to export all the same",
        group.kernel, engine);
  }
  if (group.origin == schema::Origin::recorded && !query.allow_recorded) {
    return "its rows come from a recording, not from this machine: allow_recorded=1 exports all the same";
  }
  return "";
}

Result<db::GroupMatch> group_to_export(db::Snapshot& snapshot, const ExportQuery& query) {
  auto groups = groups_or_not_found(snapshot, query.filter);
  if (!groups) return std::unexpected(groups.error());
  std::vector<db::GroupMatch> fitting;
  std::string reason;
  for (const auto& match : *groups) {
    const std::string why = objection(query, match.group);
    if (why.empty()) {
      fitting.push_back(match);
    } else if (reason.empty()) {
      reason = fmt::format("no {} file from {}: {}", name_of(query.format), short_text(match.group.problem), why);
    }
  }
  if (fitting.empty()) return fail(ErrorCode::conflict, reason, {{"groups", listed(*groups)}});
  if (fitting.size() > 1) {
    return fail(ErrorCode::conflict,
                fmt::format("{} groups match and a file holds one: narrow the query by the fields in which they differ",
                            fitting.size()),
                {{"groups", listed(fitting)}});
  }
  return fitting.front();
}

Result<ExportedFile> exported(db::Snapshot& snapshot, const ExportQuery& query) {
  const auto match = group_to_export(snapshot, query);
  if (!match) return std::unexpected(match.error());
  auto name = schema::engine_file_name(query.format, match->group.device, match->group.problem);
  if (!name) return std::unexpected(name.error());
  const auto rows = db::best_of_group(snapshot, match->id);
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::pair<std::int64_t, schema::TileConfig>> configs;
  for (const auto& row : *rows) {
    const auto choice = choice_for(snapshot, row);
    if (!choice) return std::unexpected(choice.error());
    configs.emplace_back(row.batch, choice->config);
  }
  return ExportedFile{std::move(*name), schema::engine_file_bytes(query.format, configs,
                                                                  schema::triton_version_of(match->group.compiler))};
}

}  // namespace

Result<ordered_json> best_answer(const db::Database& database, const GroupFilter& filter,
                                 std::optional<std::int64_t> batch) {
  return database.read([&](db::Snapshot& snapshot) -> Result<ordered_json> {
    const auto groups = groups_or_not_found(snapshot, filter);
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

Result<ExportedFile> export_answer(const db::Database& database, const ExportQuery& query) {
  return database.read([&](db::Snapshot& snapshot) { return exported(snapshot, query); });
}

}  // namespace moetune::daemon
