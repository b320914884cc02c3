#include "daemon/sibling_seeds.hpp"

#include <algorithm>

#include "db/best_query.hpp"
#include "db/trial_listing.hpp"

namespace moetune::daemon {
namespace {

using schema::Group;
using schema::Result;
using schema::TileConfig;

constexpr std::size_t k_most = 4;
constexpr double k_near = 1.05;
constexpr std::int64_t k_max_rows = 1'000'000;  // more than any sweep has for one batch

schema::GroupFilter filter_for(const Group& group) {
  schema::GroupFilter filter;
  filter.device = group.device;
  filter.num_experts = group.problem.num_experts;
  filter.intermediate_size = group.problem.intermediate_size;
  filter.kernel = group.kernel;
  filter.origin = group.origin;
  return filter;
}

/// Groups of the same problem with another routing or l2.
Result<std::vector<db::GroupMatch>> siblings_of(db::Snapshot& snapshot, const Group& group) {
  schema::GroupFilter filter = filter_for(group);
  const auto routings = db::known_routings(snapshot, filter);
  if (!routings) return std::unexpected(routings.error());
  std::vector<db::GroupMatch> siblings;
  for (const auto l2 : {schema::L2::cold, schema::L2::warm}) {
    for (const std::string& routing : *routings) {
      if (l2 == group.l2 && routing == group.routing) continue;
      filter.l2 = l2;
      filter.routing = routing;
      auto found = db::matching_groups(snapshot, filter);
      if (!found) return found;
      std::ranges::copy_if(*found, std::back_inserter(siblings),
                           [&](const db::GroupMatch& match) { return match.group.problem == group.problem; });
    }
  }
  return siblings;
}

/// The fastest of the sweep that the best row belongs to.
Result<std::vector<TileConfig>> fastest(db::Snapshot& snapshot, const db::GroupMatch& match,
                                        const db::BatchBest& best) {
  if (!best.sweep) return std::vector<TileConfig>{best.best.config};
  const db::TrialFilter filter{.batch = best.batch, .status = schema::TrialStatus::ok, .sweep_label = best.sweep};
  auto rows = db::list_trials(snapshot, filter, std::nullopt, k_max_rows);
  if (!rows) return std::unexpected(rows.error());
  std::erase_if(*rows, [&](const db::StoredTrial& row) {
    return row.trial.group != match.group || *row.trial.latency_us > best.best.latency_us * k_near;
  });
  std::ranges::sort(*rows, {}, [](const db::StoredTrial& row) { return *row.trial.latency_us; });
  std::vector<TileConfig> configs = {best.best.config};  // of several equally fast ones the one that is chosen
  for (const db::StoredTrial& row : *rows) {
    if (configs.size() == k_most) break;
    if (row.trial.config != best.best.config) configs.push_back(row.trial.config);
  }
  return configs;
}

}  // namespace

Result<search::Seeds> sibling_seeds(db::Snapshot& snapshot, const Group& group,
                                    const std::vector<std::int64_t>& batches) {
  const auto siblings = siblings_of(snapshot, group);
  if (!siblings) return std::unexpected(siblings.error());
  search::Seeds seeds;
  for (const db::GroupMatch& match : *siblings) {
    const auto bests = db::best_of_group(snapshot, match.id);
    if (!bests) return std::unexpected(bests.error());
    for (const db::BatchBest& best : *bests) {
      if (std::ranges::find(batches, best.batch) == batches.end()) continue;
      const auto configs = fastest(snapshot, match, best);
      if (!configs) return std::unexpected(configs.error());
      auto& known = seeds[best.batch];
      for (const TileConfig& config : *configs) {
        if (std::ranges::find(known, config) == known.end()) known.push_back(config);
      }
    }
  }
  return seeds;
}

}  // namespace moetune::daemon
