#include "daemon/sweep/sweep_neighbours.hpp"

#include <algorithm>
#include <utility>

#include "db/best_query.hpp"

namespace moetune::daemon {
namespace {

using schema::Result;

constexpr std::size_t k_nearest = 4;  // two are enough unless their tiles are none of this space

/// The groups of other problems, the nearest first.
Result<std::vector<db::GroupMatch>> nearest_groups(db::Snapshot& snapshot, const SweepPlan& plan) {
  const schema::Problem& problem = plan.group.problem;
  schema::GroupFilter filter;
  filter.device = plan.group.device;
  filter.kernel = plan.kernel;
  filter.dtype = problem.dtype;
  filter.block_shape = problem.block_shape;
  filter.l2 = plan.group.l2;
  filter.routing = plan.group.routing;
  filter.origin = plan.group.origin;
  auto groups = db::matching_groups(snapshot, filter);
  if (!groups) return groups;
  std::erase_if(*groups, [&](const db::GroupMatch& match) {
    return match.group.problem == problem || !search::are_alike(problem, match.group.problem);
  });
  std::ranges::stable_sort(*groups, {},
                           [&](const db::GroupMatch& match) { return search::distance(problem, match.group.problem); });
  return groups;
}

}  // namespace

Result<std::vector<db::NeighbourRow>> neighbours_for(db::Snapshot& snapshot, const SweepPlan& plan) {
  if (!plan.races) return std::vector<db::NeighbourRow>();
  const auto groups = nearest_groups(snapshot, plan);
  if (!groups) return std::unexpected(groups.error());
  std::vector<search::KnownProblem> known;
  for (const auto& match : *groups) {
    if (known.size() == k_nearest) break;
    const auto bests = db::best_of_group(snapshot, match.id, db::Runs::finished);
    if (!bests) return std::unexpected(bests.error());
    if (bests->empty()) continue;
    search::KnownProblem other{.group = match.id, .problem = match.group.problem, .best = {}};
    for (const auto& best : *bests) other.best[best.batch] = best.best.config;
    known.push_back(std::move(other));
  }
  std::vector<db::NeighbourRow> rows;
  for (const auto& seed : search::neighbour_seeds(plan.group.problem, plan.candidates, std::move(known))) {
    rows.push_back({seed.group, seed.candidate.batch, seed.candidate.config});
  }
  return rows;
}

void take_neighbours(SweepPlan& plan, const std::vector<db::NeighbourRow>& rows) {
  for (const db::NeighbourRow& row : rows) {
    auto& seeds = plan.seeded.seeds[row.batch];
    if (std::ranges::find(seeds, row.config) == seeds.end()) seeds.push_back(row.config);
  }
}

}  // namespace moetune::daemon
