#include "db/imported_rows.hpp"

#include <algorithm>

#include "db/dictionary.hpp"
#include "db/trial_rows.hpp"
#include "queries.hpp"

namespace moetune::db {
namespace {

/// The value of `key` in `cache`, found with `find()` the first time.
template <typename Cache, typename Key, typename Find>
auto remembered(Cache& cache, const Key& key, Find&& find) {
  const auto known = cache.find(key);
  if (known != cache.end()) return known->second;
  const auto value = find();
  cache.emplace(key, value);
  return value;
}

}  // namespace

Stored ImportedRows::store(Connection& connection, const schema::Trial& trial,
                           const std::optional<schema::TileConfig>& default_config, const std::string& default_source) {
  const std::string label = trial.sweep.value_or("");
  const std::int64_t config = config_id(connection, trial.config);
  const std::int64_t environment = environment_id(connection, trial);
  if (is_own(connection, label, environment, config, trial)) return Stored::known;
  const std::int64_t group = group_id(connection, trial.group);
  const std::int64_t run = run_id(connection, group, label);
  const TrialPlace place{
      .run = run, .group = group, .environment = environment, .config = config, .repetition = trial.measured_at.ms};
  const auto stored = insert_unless_known(connection, place, trial);
  const auto rounds = trial.rounds.empty() ? std::nullopt : std::optional(nlohmann::json(trial.rounds).dump());
  if (!stored.is_new) {
    const bool takes = rounds && connection.run(sql::add_imported_rounds_sql, stored.id, rounds, trial.rounds_of) == 1;
    return takes ? Stored::completed : Stored::known;
  }
  if (!trial.samples_us.empty()) {
    connection.run(sql::add_imported_samples_sql, stored.id, trial.samples_us, rounds, trial.rounds_of);
  }
  if (default_config && defaults_.emplace(run, trial.batch).second) {
    connection.run(sql::add_run_default_sql, run, trial.batch, config_id(connection, *default_config), default_source);
  }
  return Stored::inserted;
}

void ImportedRows::forget() {
  *this = ImportedRows();
}

std::int64_t ImportedRows::group_id(Connection& connection, const schema::Group& group) {
  return remembered(groups_, group, [&] { return intern_group(connection, group); });
}

std::int64_t ImportedRows::config_id(Connection& connection, const schema::TileConfig& config) {
  return remembered(configs_, config, [&] { return intern_config(connection, config); });
}

std::int64_t ImportedRows::environment_id(Connection& connection, const schema::Trial& trial) {
  const EnvironmentKey key{trial.group.device, trial.arch, trial.gpu_uuid, trial.driver, trial.tool_version};
  return remembered(environments_, key, [&] { return intern_environment(connection, trial); });
}

std::int64_t ImportedRows::run_id(Connection& connection, std::int64_t group, const std::string& label) {
  return remembered(runs_, std::pair(group, label), [&] {
    const auto stored = label.empty() ? std::nullopt : std::optional(label);
    auto row = connection.query(sql::find_import_run_sql, group, stored);
    if (row.step()) return row.integer(0);
    connection.run(sql::add_import_run_sql, group, stored);
    return connection.last_insert_id();
  });
}

bool ImportedRows::is_own(Connection& connection, const std::string& label, std::int64_t environment,
                          std::int64_t config, const schema::Trial& trial) {
  if (label.empty()) return false;
  const auto& runs = own_runs(connection, label);
  if (runs.empty()) return false;
  schema::Group group = trial.group;
  if (group.origin == schema::Origin::imported) group.origin = schema::Origin::measured;
  const auto own_group = find_group(connection, group);
  if (!own_group) return false;
  return std::ranges::any_of(runs, [&](std::int64_t run) {
    return find_known(connection, {.run = run, .group = *own_group, .environment = environment, .config = config},
                      trial)
        .has_value();
  });
}

const std::vector<std::int64_t>& ImportedRows::own_runs(Connection& connection, const std::string& label) {
  const auto [known, added] = own_runs_.try_emplace(label);
  if (added) {
    auto row = connection.query(sql::find_sweep_runs_by_label_sql, label);
    while (row.step()) known->second.push_back(row.integer(0));
  }
  return known->second;
}

}  // namespace moetune::db
