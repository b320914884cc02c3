#include "db/earlier_outcomes.hpp"

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "db/trial_rows.hpp"
#include "queries.hpp"

namespace moetune::db {
namespace {

using schema::Trial;

/// The trials whose ids are in the first column of `rows`.
std::vector<Trial> trials_of(Connection& connection, Query rows) {
  std::vector<Trial> trials;
  while (rows.step()) trials.push_back(read_trial(connection, rows.integer(0)).trial);
  return trials;
}

Query compile_failures(Connection& connection, std::int64_t kernel, const schema::Group& group, std::string_view arch) {
  const schema::Problem& problem = group.problem;
  const auto& block = problem.block_shape;
  return connection.query(sql::compile_failures_sql, kernel, name_of(group.origin), arch, name_of(problem.dtype),
                          name_of(problem.act_dtype), block ? std::optional(block->n) : std::nullopt,
                          block ? std::optional(block->k) : std::nullopt, problem.per_channel_quant,
                          problem.router_weight_on_input);
}

}  // namespace

Result<KnownFailures> known_failures(Snapshot& snapshot, const schema::Group& group, std::string_view arch) {
  return guarded([&]() -> Result<KnownFailures> {
    Connection& connection = snapshot.connection();
    KnownFailures known;
    const auto kernel = find_kernel(connection, group);
    if (!kernel) return known;
    for (Trial& trial : trials_of(connection, compile_failures(connection, *kernel, group, arch))) {
      const schema::TileConfig config = trial.config;
      known.compile.emplace(config, std::move(trial));
    }
    const auto problem = find_problem(connection, group.problem);
    if (!problem) return known;
    auto failed = connection.query(sql::run_failures_sql, *problem, *kernel, name_of(group.origin), arch);
    for (Trial& trial : trials_of(connection, std::move(failed))) {
      const TrialKey key{trial.batch, trial.config};
      known.run.emplace(key, std::move(trial));
    }
    return known;
  });
}

Result<std::map<TrialKey, Trial>> reusable_trials(Snapshot& snapshot, const schema::Group& group) {
  return guarded([&]() -> Result<std::map<TrialKey, Trial>> {
    Connection& connection = snapshot.connection();
    std::map<TrialKey, Trial> reusable;
    const auto id = find_group(connection, group);
    if (!id) return reusable;
    for (Trial& trial : trials_of(connection, connection.query(sql::reusable_trials_sql, *id))) {
      const TrialKey key{trial.batch, trial.config};
      reusable.emplace(key, std::move(trial));
    }
    return reusable;
  });
}

}  // namespace moetune::db
