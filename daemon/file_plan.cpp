#include "daemon/file_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/best_view.hpp"
#include "daemon/deciding_sweep.hpp"
#include "daemon/file_in_force.hpp"
#include "daemon/known_groups.hpp"
#include "db/measured_batches.hpp"
#include "db/traffic_store.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon {
namespace {

using schema::EngineFormat;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

using Configs = std::set<schema::TileConfig>;

/// What a batch always has: its best row, and the default's.
void add_own_rows(EngineFormat format, ProblemBatch& batch) {
  const db::BatchBest& best = batch.best;
  if (best.default_config) batch.rows.fallback = default_of(best);
  batch.rows.rule = best.rule;
  if (can_hold(format, best.best.config)) batch.rows.rows.push_back(measured(best.best));
  if (best.default_row && best.default_row->config != best.best.config) {
    batch.rows.rows.push_back(measured(*best.default_row));
  }
  const bool adds = best.incumbent && !batch.trials.contains(best.incumbent->config);
  if (!adds || !can_hold(format, best.incumbent->config)) return;
  batch.rows.rows.push_back(measured(*best.incumbent));
  batch.trials[best.incumbent->config] = best.incumbent->trial;
}

/// Adds what else the sweep of the best row measured for its batch, of the configurations in `wanted` alone where it is
/// given. A row without a sweep stays alone.
Result<void> add_rows(db::Snapshot& snapshot, EngineFormat format, const Configs* wanted, ProblemBatch& batch) {
  if (!batch.best.sweep) return {};
  const auto rows = db::rows_beside(snapshot, batch.best.best.trial, wanted);
  if (!rows) return std::unexpected(rows.error());
  for (const auto& row : *rows) {
    if (!can_hold(format, row.config)) continue;
    if (!batch.trials.try_emplace(row.config, row.trial).second) continue;
    batch.rows.rows.push_back(measured(row));
  }
  return {};
}

/// A batch with the ids of its best row and of the default's.
ProblemBatch batch_of(db::BatchBest best) {
  ProblemBatch batch{std::move(best), {}, {}};
  batch.trials[batch.best.best.config] = batch.best.best.trial;
  if (batch.best.default_row) batch.trials[batch.best.default_row->config] = batch.best.default_row->trial;
  return batch;
}

Result<FileProblem> read_problem(db::Snapshot& snapshot, EngineFormat format, const db::GroupMatch& match,
                                 db::Runs runs) {
  auto bests = deciding_of_group(snapshot, match.id, runs);
  if (!bests) return std::unexpected(bests.error());
  FileProblem problem{match, {}, {}, {}};
  for (auto& best : *bests) {
    if (!can_hold(format, best.best.config)) {
      auto single = db::best_without_pair(snapshot, match.id, best.batch, runs);
      if (!single) return std::unexpected(single.error());
      if (*single) best = std::move(**single);
    }
    ProblemBatch batch = batch_of(std::move(best));
    add_own_rows(format, batch);
    const std::int64_t key = batch.best.batch;
    problem.batches.emplace(key, std::move(batch));
  }
  auto asked = db::asked_batches(snapshot, match.id, runs);
  if (!asked) return std::unexpected(asked.error());
  for (const auto& [batch, rows] : problem.batches) {
    if (asked->empty() || asked->contains(batch)) problem.asked.insert(batch);
  }
  return problem;
}

/// Adds the rows that placing keys needs: all of the batches between those asked for, and of these, which may have
/// thousands, those of the configurations that were measured in between or are in the file in force.
Result<void> add_rows_between(db::Snapshot& snapshot, EngineFormat format, const FileInForce& in_force,
                              FileProblem& problem) {
  Configs wanted;
  for (const auto& key : in_force.keys) wanted.insert(key.config);
  for (auto& [batch, entry] : problem.batches) {
    if (problem.asked.contains(batch)) continue;
    if (auto added = add_rows(snapshot, format, nullptr, entry); !added) return added;
    for (const auto& row : entry.rows.rows) wanted.insert(row.config);
  }
  for (const auto batch : problem.asked) {
    if (auto added = add_rows(snapshot, format, &wanted, problem.batches.at(batch)); !added) return added;
  }
  return {};
}

/// A lone problem's choice in the form of a merged one.
search::MergedChoice alone(search::Choice choice, const db::BatchBest& best) {
  search::ModelStanding standing{choice.latency_us, best.best.latency_us, std::nullopt};
  if (best.default_row) standing.default_us = best.default_row->latency_us;
  return {choice.config, choice.is_default, std::move(choice.reason), {standing}};
}

std::vector<db::GroupMatch> matches_of(const FilePlan& plan) {
  std::vector<db::GroupMatch> matches;
  for (const auto& problem : plan.problems) matches.push_back(problem.match);
  return matches;
}

/// Every batch that a problem has, with the problems that have none of it.
std::vector<MissingBatch> all_batches(const FilePlan& plan) {
  std::map<std::int64_t, MissingBatch> batches;
  for (const auto& problem : plan.problems) {
    for (const auto& [batch, rows] : problem.batches) batches.try_emplace(batch, MissingBatch{batch, {}});
  }
  std::vector<MissingBatch> listed;
  for (auto& [batch, entry] : batches) {
    for (std::size_t i = 0; i < plan.problems.size(); ++i) {
      if (!plan.problems[i].batches.contains(batch)) entry.problems.push_back(i);
    }
    listed.push_back(std::move(entry));
  }
  return listed;
}

std::vector<search::ModelRows> models_at(const FilePlan& plan, std::int64_t batch) {
  std::vector<search::ModelRows> models;
  for (const auto& problem : plan.problems) models.push_back(problem.batches.at(batch).rows);
  return models;
}

std::unexpected<schema::Error> nothing_suits(const FilePlan& plan, std::int64_t batch) {
  return fail(ErrorCode::conflict,
              fmt::format("batch {}: the problems that share the file have different defaults and no configuration "
                          "suits them all",
                          batch),
              {{"batch", batch}, {"groups", listed(matches_of(plan))}});
}

std::unexpected<schema::Error> only_pairs(EngineFormat format, std::int64_t batch) {
  return fail(ErrorCode::conflict,
              fmt::format("batch {}: GEMM 2 was measured with a tile of its own only, and a {} file holds one tile for "
                          "both GEMMs: export in format sglang, or tune this batch with one tile for both",
                          batch, name_of(format)),
              {{"batch", batch}});
}

Result<void> place(db::Snapshot& snapshot, const std::map<std::int64_t, KeyCandidate>& candidates,
                   const FileInForce& in_force, FilePlan& plan) {
  const auto traffic = db::newest_traffic(snapshot);
  if (!traffic) return std::unexpected(traffic.error());
  auto placed = place_keys(candidates, *traffic ? std::optional((*traffic)->traffic) : std::nullopt, in_force);
  for (PlacedKey& key : placed.keys) plan.keys.push_back({key.batch, std::move(key.choice)});
  plan.left_out = std::move(placed.left_out);
  return {};
}

/// The keys of a lone problem.
Result<void> add_keys(db::Snapshot& snapshot, EngineFormat format, const FileInForce* known, FilePlan& plan) {
  FileProblem& problem = plan.problems.front();
  FileInForce in_force;
  if (problem.asked.size() < problem.batches.size()) {
    auto stored = known != nullptr ? Result<FileInForce>(*known) : file_in_force(snapshot, format, problem.match.id);
    if (!stored) return std::unexpected(stored.error());
    in_force = std::move(*stored);
    if (auto added = add_rows_between(snapshot, format, in_force, problem); !added) return added;
  }
  std::map<std::int64_t, KeyCandidate> candidates;
  for (const auto& [batch, entry] : problem.batches) {
    const bool asked = problem.asked.contains(batch);
    auto choice = choice_for(entry.best);
    if (!can_hold(format, choice.config) && !asked) continue;
    candidates.emplace(batch, KeyCandidate{{entry.rows}, alone(std::move(choice), entry.best), asked});
  }
  return place(snapshot, candidates, in_force, plan);
}

/// The common batches that somebody asked for, for every problem; all common ones where there is no such batch.
std::set<std::int64_t> asked_by_all(const FilePlan& plan, const std::vector<MissingBatch>& batches) {
  std::set<std::int64_t> common;
  std::set<std::int64_t> asked;
  for (const auto& batch : batches) {
    if (!batch.problems.empty()) continue;
    common.insert(batch.batch);
    if (plan.is_asked(batch.batch)) asked.insert(batch.batch);
  }
  return asked.empty() ? common : asked;
}

/// The keys of several problems. Between the batches asked for the sweeps measure what was chosen next to them, which
/// may be something else for each problem: where they have nothing in common but the default, which nobody would choose
/// for being all that is known, the file stays as its neighbouring keys make it, and is not known there.
Result<void> add_common_keys(db::Snapshot& snapshot, EngineFormat format, FilePlan& plan) {
  for (auto& problem : plan.problems) {
    for (auto& [batch, entry] : problem.batches) {
      if (auto added = add_rows(snapshot, format, nullptr, entry); !added) return added;
    }
  }
  auto batches = all_batches(plan);
  const auto asked = asked_by_all(plan, batches);
  std::map<std::int64_t, KeyCandidate> candidates;
  for (auto& batch : batches) {
    if (!batch.problems.empty()) {
      plan.missing.push_back(std::move(batch));
      continue;
    }
    const bool is_asked = asked.contains(batch.batch);
    auto models = models_at(plan, batch.batch);
    auto choice = search::merged_choice(models);
    if (!choice && is_asked) return nothing_suits(plan, batch.batch);
    if (!is_asked && (!choice || !search::have_common_row(models) || !can_hold(format, choice->config))) continue;
    candidates.emplace(batch.batch, KeyCandidate{std::move(models), std::move(*choice), is_asked});
  }
  return place(snapshot, candidates, {}, plan);
}

/// What the file does at every measured M.
void add_points(FilePlan& plan) {
  std::vector<std::int64_t> batches;
  std::map<std::int64_t, schema::TileConfig> configs;
  for (const auto& key : plan.keys) {
    batches.push_back(key.batch);
    configs.emplace(key.batch, key.choice.config);
  }
  for (auto& problem : plan.problems) {
    for (const auto& [batch, entry] : problem.batches) {
      const auto key = schema::nearest_key(batches, batch);
      problem.points.push_back(file_point(batch, entry.rows, configs.at(key)));
      problem.points.back().key = key;
      problem.points.back().asked = problem.asked.contains(batch);
    }
  }
}

Result<void> add_unfinished(db::Snapshot& snapshot, FilePlan& plan) {
  for (const auto& problem : plan.problems) {
    const auto sweeps = db::unfinished_sweeps(snapshot, problem.match.id);
    if (!sweeps) return std::unexpected(sweeps.error());
    for (const auto& [batch, entry] : problem.batches) {
      const auto found = entry.best.sweep ? sweeps->find(*entry.best.sweep) : sweeps->end();
      if (found != sweeps->end()) plan.unfinished.insert(found->second);
    }
  }
  return {};
}

}  // namespace

std::vector<std::pair<std::int64_t, schema::TileConfig>> FilePlan::rows() const {
  std::vector<std::pair<std::int64_t, schema::TileConfig>> rows;
  for (const auto& key : keys) rows.emplace_back(key.batch, key.choice.config);
  return rows;
}

std::vector<std::int64_t> FilePlan::measured_batches() const {
  std::map<std::int64_t, std::size_t> measured;
  for (const auto& problem : problems) {
    for (const auto& point : problem.points) {
      measured[point.batch] += point.standing == PointStanding::not_measured ? 0 : 1;
    }
  }
  std::vector<std::int64_t> batches;
  for (const auto& [batch, count] : measured) {
    if (count == problems.size()) batches.push_back(batch);
  }
  return batches;
}

bool FilePlan::is_asked(std::int64_t batch) const {
  return std::ranges::all_of(problems, [&](const FileProblem& problem) { return problem.asked.contains(batch); });
}

bool can_hold(EngineFormat format, const schema::TileConfig& config) {
  return format == EngineFormat::sglang || !config.down;
}

Result<FilePlan> plan_file(db::Snapshot& snapshot, EngineFormat format, const std::vector<db::GroupMatch>& groups,
                           db::Runs runs, const FileInForce* in_force) {
  FilePlan plan;
  for (const auto& match : groups) {
    auto problem = read_problem(snapshot, format, match, runs);
    if (!problem) return std::unexpected(problem.error());
    plan.problems.push_back(std::move(*problem));
  }
  auto added =
      groups.size() == 1 ? add_keys(snapshot, format, in_force, plan) : add_common_keys(snapshot, format, plan);
  if (!added) return std::unexpected(added.error());
  if (plan.keys.empty()) {
    return fail(ErrorCode::conflict, "the problems that share the file have no batch in common",
                {{"groups", listed(groups)}});
  }
  for (const auto& key : plan.keys) {
    if (!can_hold(format, key.choice.config)) return only_pairs(format, key.batch);
  }
  add_points(plan);
  if (auto told = add_unfinished(snapshot, plan); !told) return std::unexpected(told.error());
  return plan;
}

}  // namespace moetune::daemon
