#include "daemon/publication_source.hpp"

#include "db/trial_listing.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;
using schema::Result;

template <typename Value>
ordered_json or_null(const std::optional<Value>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

/// What stands behind one key for one problem.
Result<ordered_json> row_source(db::Snapshot& snapshot, const ProblemBatch& batch, const FileKey& key,
                                const search::ModelStanding& standing) {
  const db::BatchBest& best = batch.best;
  ordered_json row = {{"sweep", or_null(best.sweep)},
                      {"trial", nullptr},
                      {"latency_us", or_null(standing.latency_us)},
                      {"best_us", or_null(standing.best_us)},
                      {"default_trial", nullptr},
                      {"default_us", or_null(standing.default_us)},
                      {"default_source", best.default_config ? ordered_json(best.default_source) : nullptr}};
  if (best.default_row) row["default_trial"] = best.default_row->trial;
  const auto found = batch.trials.find(key.choice.config);
  if (found == batch.trials.end()) return row;
  const auto stored = db::find_trial(snapshot, found->second);
  if (!stored) return std::unexpected(stored.error());
  row["trial"] = stored->id;
  row["gpu_uuid"] = or_null(stored->trial.gpu_uuid);
  row["driver"] = or_null(stored->trial.driver);
  row["tool_version"] = or_null(stored->trial.tool_version);
  row["measured_at"] = schema::to_text(stored->trial.measured_at);
  return row;
}

Result<ordered_json> key_source(db::Snapshot& snapshot, const FilePlan& plan, const FileKey& key) {
  ordered_json rows = ordered_json::array();
  for (std::size_t i = 0; i < plan.problems.size(); ++i) {
    auto row = row_source(snapshot, plan.problems[i].batches.at(key.batch), key, key.choice.standings.at(i));
    if (!row) return row;
    rows.push_back(std::move(*row));
  }
  return ordered_json{{"config", schema::to_json(key.choice.config)},
                      {"default", key.choice.is_default},
                      {"reason", key.choice.reason},
                      {"regret", or_null(key.choice.worst_regret())},
                      {"rows", std::move(rows)}};
}

}  // namespace

Result<ordered_json> publication_source(db::Snapshot& snapshot, schema::EngineFormat format, const FilePlan& plan,
                                        const std::vector<std::string>& exceptions) {
  const schema::Group& group = plan.problems.front().match.group;
  ordered_json source = {{"engine", name_of(format)},  {"device", group.device},
                         {"kernel", group.kernel},     {"kernel_digest", group.kernel_digest},
                         {"compiler", group.compiler}, {"l2", name_of(group.l2)},
                         {"routing", group.routing},   {"exceptions", exceptions}};
  ordered_json problems = ordered_json::array();
  for (const auto& problem : plan.problems) {
    ordered_json fields;
    schema::write_problem(problem.match.group.problem, fields);
    fields["origin"] = name_of(problem.match.group.origin);
    problems.push_back(std::move(fields));
  }
  source["problems"] = std::move(problems);
  ordered_json keys = ordered_json::object();
  for (const auto& key : plan.keys) {
    auto described = key_source(snapshot, plan, key);
    if (!described) return described;
    keys[std::to_string(key.batch)] = std::move(*described);
  }
  source["keys"] = std::move(keys);
  ordered_json missing = ordered_json::array();
  for (const auto& batch : plan.missing) missing.push_back({{"batch", batch.batch}, {"problems", batch.problems}});
  source["missing"] = std::move(missing);
  return source;
}

}  // namespace moetune::daemon
