#include "daemon/export_answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "daemon/best_view.hpp"
#include "daemon/known_groups.hpp"
#include "daemon/search/merge.hpp"
#include "db/database.hpp"
#include "db/trial_listing.hpp"
#include "kernels/sha256.hpp"

namespace moetune::daemon {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

/// The rows of an engine's file.
using FileRows = std::vector<std::pair<std::int64_t, schema::TileConfig>>;
using Groups = std::vector<db::GroupMatch>;

/// More rows than any sweep has for one batch.
constexpr std::int64_t k_max_rows = 1'000'000;

/// Why a file in this format must not be made from this group unless it is asked for by name; empty when it may.
std::string objection(const ExportQuery& query, const schema::Group& group) {
  const auto engine = name_of(query.format);
  if (schema::is_scan(group.kernel)) {
    return fmt::format(
        "rows of {} were measured on a changed copy of the kernel, for a scan: no file is made from them",
        group.kernel);
  }
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

/// The groups that a file may be made from.
Result<Groups> groups_to_export(db::Snapshot& snapshot, const ExportQuery& query) {
  auto groups = known_groups(snapshot, query.filter);
  if (!groups) return groups;
  Groups fitting;
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
  if (fitting.size() > 1 && !query.merge) {
    return fail(
        ErrorCode::conflict,
        fmt::format("{} groups match and a file holds one: narrow the query by the fields in which they differ, "
                    "or merge models that share the file (merge=1)",
                    fitting.size()),
        {{"groups", listed(fitting)}});
  }
  return fitting;
}

/// The name that all of the groups' files have.
Result<std::string> file_name(const ExportQuery& query, const Groups& groups) {
  std::optional<std::string> common;
  for (const auto& match : groups) {
    auto name = schema::engine_file_name(query.format, match.group.device, match.group.problem, query.gemm);
    if (!name) return name;
    const bool same = match.group.kernel == groups.front().group.kernel &&
                      match.group.compiler == groups.front().group.compiler &&
                      match.group.l2 == groups.front().group.l2;
    if (common.value_or(*name) != *name || !same) {
      return fail(ErrorCode::conflict,
                  "the groups that match do not share a file: merge takes models with one file name, kernel, compiler "
                  "and l2; narrow the query",
                  {{"groups", listed(groups)}});
    }
    common = std::move(*name);
  }
  return *common;
}

/// Whether the file can say what a configuration runs with: vLLM's has one tile for both GEMMs.
bool can_hold(const ExportQuery& query, const schema::TileConfig& config) {
  return query.format == schema::EngineFormat::sglang || !config.down;
}

std::unexpected<schema::Error> only_pairs(const ExportQuery& query, std::int64_t batch) {
  return fail(ErrorCode::conflict,
              fmt::format("batch {}: GEMM 2 was measured with a tile of its own only, and a {} file holds one tile for "
                          "both GEMMs: export in format sglang, or tune this batch with one tile for both",
                          batch, name_of(query.format)),
              {{"batch", batch}});
}

/// The best row of every batch among those that the file can hold; of a batch that has none of them the best all the
/// same, of which the default may be the choice.
Result<std::vector<db::BatchBest>> bests_of(db::Snapshot& snapshot, const ExportQuery& query,
                                            const db::GroupMatch& match) {
  auto bests = db::best_of_group(snapshot, match.id);
  if (!bests) return bests;
  for (auto& best : *bests) {
    if (can_hold(query, best.best.config)) continue;
    auto single = db::best_without_pair(snapshot, match.id, best.batch);
    if (!single) return std::unexpected(single.error());
    if (*single) best = std::move(**single);
  }
  return bests;
}

Result<FileRows> rows_of(db::Snapshot& snapshot, const ExportQuery& query, const db::GroupMatch& match) {
  const auto bests = bests_of(snapshot, query, match);
  if (!bests) return std::unexpected(bests.error());
  FileRows rows;
  for (const auto& best : *bests) rows.emplace_back(best.batch, choice_for(best).config);
  return rows;
}

/// What the sweep of the best row measured for its batch, as far as the file can hold it; for a row without a sweep the
/// row alone.
Result<search::ModelRows> model_rows(db::Snapshot& snapshot, const ExportQuery& query, const db::GroupMatch& match,
                                     const db::BatchBest& best) {
  search::ModelRows model;
  if (best.default_config) model.fallback = default_of(best);
  if (can_hold(query, best.best.config)) model.rows.push_back(measured(best.best));
  if (!best.sweep) return model;
  db::TrialFilter filter;
  filter.batch = best.batch;
  filter.sweep_label = best.sweep;
  filter.status = schema::TrialStatus::ok;
  const auto trials = db::list_trials(snapshot, filter, std::nullopt, k_max_rows);
  if (!trials) return std::unexpected(trials.error());
  model.rows.clear();
  for (const auto& row : *trials) {
    if (row.trial.group != match.group || !can_hold(query, row.trial.config)) continue;
    model.rows.push_back({row.trial.config, *row.trial.latency_us, row.trial.samples_us});
  }
  return model;
}

Result<FileRows> merged_rows(db::Snapshot& snapshot, const ExportQuery& query, const Groups& groups) {
  std::map<std::int64_t, std::vector<search::ModelRows>> by_batch;
  for (const auto& match : groups) {
    const auto bests = bests_of(snapshot, query, match);
    if (!bests) return std::unexpected(bests.error());
    for (const auto& best : *bests) {
      auto model = model_rows(snapshot, query, match, best);
      if (!model) return std::unexpected(model.error());
      by_batch[best.batch].push_back(std::move(*model));
    }
  }
  FileRows rows;
  for (const auto& [batch, models] : by_batch) {
    if (models.size() < groups.size()) continue;
    const auto config = search::merged_choice(models);
    if (!config) {
      return fail(
          ErrorCode::conflict,
          fmt::format("batch {}: the models have different defaults and no configuration suits them all", batch),
          {{"groups", listed(groups)}});
    }
    rows.emplace_back(batch, *config);
  }
  if (rows.empty()) {
    return fail(ErrorCode::conflict, "the models have no batch in common", {{"groups", listed(groups)}});
  }
  return rows;
}

}  // namespace

Result<ExportedFile> export_answer(const db::Database& database, const ExportQuery& query) {
  return database.read([&](db::Snapshot& snapshot) -> Result<ExportedFile> {
    const auto groups = groups_to_export(snapshot, query);
    if (!groups) return std::unexpected(groups.error());
    auto name = file_name(query, *groups);
    if (!name) return std::unexpected(name.error());
    const auto rows =
        groups->size() == 1 ? rows_of(snapshot, query, groups->front()) : merged_rows(snapshot, query, *groups);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& [batch, config] : *rows) {
      if (!can_hold(query, config)) return only_pairs(query, batch);
    }
    const auto bytes_for = [&](schema::Gemm gemm) {
      const auto triton = schema::triton_version_of(groups->front().group.compiler);
      return schema::engine_file_bytes(query.format, *rows, triton, gemm);
    };
    return ExportedFile{std::move(*name), bytes_for(query.gemm),
                        kernels::sha256_hex(bytes_for(schema::Gemm::up) + bytes_for(schema::Gemm::down))};
  });
}

}  // namespace moetune::daemon
