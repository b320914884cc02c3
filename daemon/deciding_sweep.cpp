#include "daemon/deciding_sweep.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "daemon/best_view.hpp"
#include "db/measured_batches.hpp"

namespace moetune::daemon {
namespace {

using schema::Result;
using Bests = std::vector<db::BatchBest>;

/// Whether `later`, which knows nothing of what `now` chose, is better all the same.
bool is_faster(const db::BatchBest& later, const search::Choice& now) {
  const auto choice = choice_for(later);
  if (!choice.latency_us) return false;
  return !now.latency_us || *choice.latency_us < *now.latency_us * (1 - later.rule.min_gain);
}

/// Whether the run has found out how the default does: that row comes last of a batch, so that a sweep which was cut
/// off before says nothing about it.
bool is_complete(const db::BatchBest& run) {
  return !run.default_config || run.default_row || run.default_failed;
}

/// Of the runs of a batch that was asked for, the oldest first.
Result<db::BatchBest> deciding_of(db::Snapshot& snapshot, Bests runs) {
  db::BatchBest now = std::move(runs.front());
  for (std::size_t i = 1; i < runs.size(); ++i) {
    db::BatchBest& later = runs[i];
    if (!is_complete(later) && is_complete(now)) continue;
    const auto choice = choice_for(now);
    auto incumbent = db::row_in_run(snapshot, later, choice.config);
    if (!incumbent) return std::unexpected(incumbent.error());
    const bool decides = incumbent->has_value() || is_faster(later, choice);
    later.incumbent = std::move(*incumbent);
    if (decides) now = std::move(later);
  }
  return now;
}

/// The run that decides at the asked batch nearest to `batch`; nothing where none is known.
std::optional<std::int64_t> deciding_nearby(const std::map<std::int64_t, db::BatchBest>& deciding, std::int64_t batch) {
  if (deciding.empty()) return std::nullopt;
  const auto distance = [&](const auto& entry) { return std::abs(entry.first - batch); };
  return std::ranges::min_element(deciding, {}, distance)->second.run;
}

}  // namespace

Result<Bests> deciding_of_group(db::Snapshot& snapshot, std::int64_t group, db::Runs runs) {
  auto all = db::bests_by_run(snapshot, group, runs);
  if (!all) return std::unexpected(all.error());
  const auto asked = db::asked_batches(snapshot, group, runs);
  if (!asked) return std::unexpected(asked.error());
  std::map<std::int64_t, Bests> by_batch;
  for (db::BatchBest& best : *all) {
    if (auto judged = prefer_judged(snapshot, best); !judged) {
      return std::unexpected(judged.error());
    }
    by_batch[best.batch].push_back(std::move(best));
  }

  std::map<std::int64_t, db::BatchBest> deciding;
  std::map<std::int64_t, std::int64_t> rows;
  for (const auto& [batch, bests] : by_batch) {
    for (const db::BatchBest& best : bests) rows[batch] += best.rows;
    if (!asked->empty() && !asked->contains(batch)) continue;
    auto found = deciding_of(snapshot, bests);
    if (!found) return std::unexpected(found.error());
    deciding.emplace(batch, std::move(*found));
  }
  const auto at_asked = deciding;
  for (auto& [batch, bests] : by_batch) {
    if (deciding.contains(batch)) continue;
    const auto nearby = deciding_nearby(at_asked, batch);
    const auto found =
        std::ranges::find_if(bests, [&](const db::BatchBest& best) { return best.run == nearby && is_complete(best); });
    const auto newest = std::ranges::find_if(bests.rbegin(), bests.rend(), is_complete);
    if (found != bests.end()) {
      deciding.emplace(batch, std::move(*found));
    } else {
      deciding.emplace(batch, newest == bests.rend() ? std::move(bests.back()) : std::move(*newest));
    }
  }
  Bests listed;
  for (auto& [batch, best] : deciding) {
    best.rows = rows[batch];
    listed.push_back(std::move(best));
  }
  return listed;
}

Result<std::optional<db::GroupMatch>> match_of(db::Snapshot& snapshot, const schema::Group& group) {
  schema::GroupFilter filter;
  filter.device = group.device;
  filter.num_experts = group.problem.num_experts;
  filter.intermediate_size = group.problem.intermediate_size;
  filter.kernel = group.kernel;
  filter.l2 = group.l2;
  filter.routing = group.routing;
  filter.origin = group.origin;
  const bool any_version = group.kernel_digest.empty();
  auto matches = db::matching_groups(snapshot, filter, any_version ? db::Versions::newest : db::Versions::all);
  if (!matches) return std::unexpected(matches.error());
  const auto own = std::ranges::find_if(*matches, [&](const db::GroupMatch& match) {
    schema::Group known = match.group;
    if (any_version) known.kernel_digest.clear();
    if (any_version) known.compiler = group.compiler;
    return known == group;
  });
  return own == matches->end() ? std::nullopt : std::optional(std::move(*own));
}

Result<std::map<std::int64_t, schema::TileConfig>> chosen_of_group(db::Snapshot& snapshot, const schema::Group& group) {
  std::map<std::int64_t, schema::TileConfig> chosen;
  const auto own = match_of(snapshot, group);
  if (!own) return std::unexpected(own.error());
  if (!*own) return chosen;
  const auto deciding = deciding_of_group(snapshot, (*own)->id, db::Runs::finished);
  if (!deciding) return std::unexpected(deciding.error());
  for (const db::BatchBest& best : *deciding) chosen[best.batch] = choice_for(best).config;
  return chosen;
}

}  // namespace moetune::daemon
