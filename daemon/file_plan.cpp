#include "daemon/file_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/best_view.hpp"
#include "daemon/known_groups.hpp"
#include "db/trial_listing.hpp"

namespace moetune::daemon {
namespace {

using schema::EngineFormat;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

/// More rows than any sweep has for one batch.
constexpr std::int64_t k_max_rows = 1'000'000;

/// Adds what the sweep of the best row measured for its batch; for a row without a sweep the row alone.
Result<void> add_rows(db::Snapshot& snapshot, EngineFormat format, const schema::Group& group, ProblemBatch& batch) {
  const db::BatchBest& best = batch.best;
  if (best.default_config) batch.rows.fallback = default_of(best);
  batch.rows.rule = best.rule;
  if (!best.sweep) {
    if (can_hold(format, best.best.config)) batch.rows.rows.push_back(measured(best.best));
    return {};
  }
  db::TrialFilter filter;
  filter.batch = best.batch;
  filter.sweep_label = best.sweep;
  filter.status = schema::TrialStatus::ok;
  const auto trials = db::list_trials(snapshot, filter, std::nullopt, k_max_rows);
  if (!trials) return std::unexpected(trials.error());
  for (const auto& row : *trials) {
    if (row.trial.group != group || !can_hold(format, row.trial.config)) continue;
    batch.rows.rows.push_back({row.trial.config, *row.trial.latency_us, row.trial.samples_us, row.rounds_us});
    batch.trials.try_emplace(row.trial.config, row.id);
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

enum class Rows { best, all };

Result<FileProblem> read_problem(db::Snapshot& snapshot, EngineFormat format, const db::GroupMatch& match,
                                 db::Runs runs, Rows wanted) {
  auto bests = db::best_of_group(snapshot, match.id, runs);
  if (!bests) return std::unexpected(bests.error());
  FileProblem problem{match, {}};
  for (auto& best : *bests) {
    if (!can_hold(format, best.best.config)) {
      auto single = db::best_without_pair(snapshot, match.id, best.batch, runs);
      if (!single) return std::unexpected(single.error());
      if (*single) best = std::move(**single);
    }
    ProblemBatch batch = batch_of(std::move(best));
    if (wanted == Rows::all) {
      if (auto added = add_rows(snapshot, format, match.group, batch); !added) return std::unexpected(added.error());
    }
    const std::int64_t key = batch.best.batch;
    problem.batches.emplace(key, std::move(batch));
  }
  return problem;
}

/// A lone problem's choice in the form of a merged one.
search::MergedChoice choice_of(const db::BatchBest& best) {
  search::Choice choice = choice_for(best);
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

Result<search::MergedChoice> choice_for_all(const FilePlan& plan, std::int64_t batch) {
  std::vector<search::ModelRows> models;
  for (const auto& problem : plan.problems) models.push_back(problem.batches.at(batch).rows);
  auto choice = search::merged_choice(models);
  if (choice) return std::move(*choice);
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

}  // namespace

std::vector<std::pair<std::int64_t, schema::TileConfig>> FilePlan::rows() const {
  std::vector<std::pair<std::int64_t, schema::TileConfig>> rows;
  for (const auto& key : keys) rows.emplace_back(key.batch, key.choice.config);
  return rows;
}

bool can_hold(EngineFormat format, const schema::TileConfig& config) {
  return format == EngineFormat::sglang || !config.down;
}

Result<FilePlan> plan_file(db::Snapshot& snapshot, EngineFormat format, const std::vector<db::GroupMatch>& groups,
                           db::Runs runs) {
  FilePlan plan;
  const bool alone = groups.size() == 1;
  for (const auto& match : groups) {
    auto problem = read_problem(snapshot, format, match, runs, alone ? Rows::best : Rows::all);
    if (!problem) return std::unexpected(problem.error());
    plan.problems.push_back(std::move(*problem));
  }
  for (auto& batch : all_batches(plan)) {
    if (!batch.problems.empty()) {
      plan.missing.push_back(std::move(batch));
      continue;
    }
    auto choice = alone ? choice_of(plan.problems[0].batches.at(batch.batch).best) : choice_for_all(plan, batch.batch);
    if (!choice) return std::unexpected(choice.error());
    if (!can_hold(format, choice->config)) return only_pairs(format, batch.batch);
    plan.keys.push_back({batch.batch, std::move(*choice)});
  }
  if (plan.keys.empty()) {
    return fail(ErrorCode::conflict, "the problems that share the file have no batch in common",
                {{"groups", listed(groups)}});
  }
  return plan;
}

}  // namespace moetune::daemon
