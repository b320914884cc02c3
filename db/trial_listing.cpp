#include "db/trial_listing.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "db/run.hpp"
#include "db/trial_rows.hpp"
#include "queries.hpp"

namespace moetune::db {
namespace {

constexpr std::int64_t k_rows_of_a_page = 256;

/// A filter in terms of ids, and the range of row ids outside which nothing can match: rows of one sweep or group lie
/// close together, so that a page need not walk over the whole table.
struct Plan {
  std::optional<std::string> groups;  ///< JSON array of ids; none: every group
  std::optional<std::int64_t> config;
  std::int64_t first = 0;
  std::int64_t last = std::numeric_limits<std::int64_t>::max();

  void match_nothing() { last = 0; }
  void narrow(Query bounds) {
    if (!bounds.step() || bounds.is_null(0)) return match_nothing();
    first = std::max(first, bounds.integer(0));
    last = std::min(last, bounds.integer(1));
  }
};

void restrict_groups(Connection& connection, const schema::GroupFilter& filter, Plan& plan) {
  const bool sized = filter.num_experts && filter.intermediate_size;
  auto row = sized ? connection.query(sql::list_groups_of_size_sql, *filter.num_experts, *filter.intermediate_size)
                   : connection.query(sql::list_groups_sql);
  std::vector<std::int64_t> ids;
  bool all = !sized;
  while (row.step()) {
    if (filter.matches(read_group(row, 1))) {
      ids.push_back(row.integer(0));
    } else {
      all = false;
    }
  }
  if (all) return;
  plan.groups = fmt::format("[{}]", fmt::join(ids, ","));
  plan.narrow(connection.query(sql::trial_bounds_of_groups_sql, plan.groups));
}

Plan plan_for(Connection& connection, const TrialFilter& filter) {
  Plan plan;
  if (filter.sweep) {
    run_of_sweep(connection, *filter.sweep);  // throws when there is no such sweep
    plan.narrow(connection.query(sql::trial_bounds_of_sweep_sql, *filter.sweep));
  }
  if (filter.sweep_label) plan.narrow(connection.query(sql::trial_bounds_of_label_sql, *filter.sweep_label));
  if (filter.config) {
    plan.config = find_config(connection, *filter.config);
    if (!plan.config) plan.match_nothing();
  }
  restrict_groups(connection, filter.group, plan);
  return plan;
}

std::vector<StoredTrial> read_page(Connection& connection, const TrialFilter& filter, const Plan& plan,
                                   std::int64_t after, std::int64_t limit) {
  const auto status = filter.status ? std::optional(name_of(*filter.status)) : std::nullopt;
  auto row =
      connection.query(sql::list_trial_ids_sql, std::max(after, plan.first - 1), plan.last, plan.groups, filter.sweep,
                       filter.sweep_label, filter.batch, status, plan.config, filter.include_discarded, limit);
  std::vector<StoredTrial> page;
  while (row.step()) page.push_back(read_trial(connection, row.integer(0)));
  return page;
}

}  // namespace

Result<std::vector<StoredTrial>> list_trials(Snapshot& snapshot, const TrialFilter& filter,
                                             std::optional<std::int64_t> after, std::int64_t limit) {
  return guarded([&]() -> Result<std::vector<StoredTrial>> {
    Connection& connection = snapshot.connection();
    return read_page(connection, filter, plan_for(connection, filter), after.value_or(0), limit);
  });
}

Result<StoredTrial> find_trial(Snapshot& snapshot, std::int64_t id) {
  return guarded([&]() -> Result<StoredTrial> { return read_trial(snapshot.connection(), id); });
}

Result<void> for_each_trial(const Database& database, const TrialFilter& filter, std::optional<std::int64_t> after,
                            const std::function<bool(const StoredTrial&)>& visit) {
  auto plan = database.read([&](Snapshot& snapshot) {
    return guarded([&]() -> Result<Plan> {
      Plan found = plan_for(snapshot.connection(), filter);
      auto last = snapshot.connection().query(sql::last_trial_id_sql);
      if (last.step()) found.last = std::min(found.last, last.integer(0));
      return found;
    });
  });
  if (!plan) return std::unexpected(plan.error());
  std::int64_t cursor = after.value_or(0);
  for (;;) {
    const auto page = database.read([&](Snapshot& snapshot) {
      return guarded([&]() -> Result<std::vector<StoredTrial>> {
        return read_page(snapshot.connection(), filter, *plan, cursor, k_rows_of_a_page);
      });
    });
    if (!page) return std::unexpected(page.error());
    for (const StoredTrial& row : *page) {
      if (!visit(row)) return {};
    }
    if (static_cast<std::int64_t>(page->size()) < k_rows_of_a_page) return {};
    cursor = page->back().id;
  }
}

}  // namespace moetune::db
