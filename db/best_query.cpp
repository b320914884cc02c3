#include "db/best_query.hpp"

#include <algorithm>
#include <compare>
#include <map>
#include <set>
#include <tuple>

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "db/run.hpp"
#include "db/trial_rows.hpp"
#include "queries.hpp"

namespace moetune::db {
namespace {

using schema::Group;

std::vector<GroupMatch> groups_with_rows(Connection& connection, const schema::GroupFilter& filter) {
  auto row = filter.num_experts && filter.intermediate_size
                 ? connection.query(sql::list_groups_of_size_sql, *filter.num_experts, *filter.intermediate_size)
                 : connection.query(sql::list_groups_sql);
  std::vector<GroupMatch> matches;
  while (row.step()) {
    GroupMatch match{.id = row.integer(0), .group = read_group(row, 1), .newest = {}};
    if (!filter.matches(match.group)) continue;
    auto newest = connection.query(sql::newest_of_group_sql, match.id);
    if (!newest.step() || newest.is_null(0)) continue;
    match.newest = {newest.integer(0)};
    matches.push_back(std::move(match));
  }
  return matches;
}

/// Keeps, of groups that differ in kernel_digest and compiler only, the one measured last.
std::vector<GroupMatch> newest_versions(std::vector<GroupMatch> matches) {
  std::map<Group, GroupMatch> newest;
  for (GroupMatch& match : matches) {
    Group versionless = match.group;
    versionless.kernel_digest.clear();
    versionless.compiler.clear();
    const auto [place, added] = newest.try_emplace(std::move(versionless), match);
    const auto age = [](const GroupMatch& m) { return std::tuple(m.newest, m.id); };
    if (!added && age(place->second) < age(match)) place->second = std::move(match);
  }
  std::vector<GroupMatch> kept;
  for (auto& [versionless, match] : newest) kept.push_back(std::move(match));
  return kept;
}

/// One row of tallies: the fastest trial of a (group, batch, run).
struct Candidate {
  std::int64_t batch = 0;
  std::int64_t run = 0;
  std::int64_t group = 0;
  std::int64_t rows = 0;
  std::int64_t trial = 0;
};

/// Fills in the samples of a row: they are beside it when it was imported, else in the chunks of its sweep.
void add_samples(Connection& connection, const Candidate& candidate, std::int64_t config, bool imported,
                 MeasuredRow& measured) {
  auto samples = imported ? read_imported_samples(connection, measured.trial)
                          : read_row_samples(connection, {candidate.run, candidate.batch, config, measured.gpu_uuid});
  measured.samples_us = std::move(samples.samples_us);
  measured.rounds_us = std::move(samples.rounds_us);
  measured.rounds_of = std::move(samples.rounds_of);
}

/// Adds what the engine's default did in the run of the best row. Rows without a label may come from many sweeps: of
/// their default it is known whether it runs, but its time is none to compare with.
void add_default_row(Connection& connection, const Candidate& candidate, std::int64_t config, bool imported,
                     BatchBest& entry) {
  auto row = connection.query(sql::fastest_trial_of_config_sql, candidate.run, candidate.batch, config, candidate.group,
                              std::optional<std::string>());
  if (!row.step()) return;
  entry.default_failed = row.text(1) != "ok";
  if (entry.default_failed) {
    entry.default_status = row.text(1);
    entry.default_chunks = imported ? 0 : read_rounds(connection, {candidate.run, candidate.batch, config}).size();
  }
  if (entry.default_failed || !entry.sweep) return;
  const auto gpu = row.optional_text(5);
  if (gpu && entry.best.gpu_uuid && gpu != entry.best.gpu_uuid) {
    entry.default_gpu = gpu;
    return;
  }
  entry.default_row = {.trial = row.integer(0),
                       .config = *entry.default_config,
                       .latency_us = row.real(2),
                       .samples_us = {},
                       .rounds_us = {},
                       .measured_at = {row.integer(3)},
                       .gpu_uuid = gpu};
  add_samples(connection, candidate, config, imported, *entry.default_row);
}

constexpr int k_level = 22;  // column of find_measured_row.sql; min_gain follows

BatchBest read_best(Connection& connection, const Candidate& candidate) {
  auto row = connection.query(sql::find_measured_row_sql, candidate.trial);
  if (!row.step()) {
    throw Fault({ErrorCode::data_damaged, connection.path().string() + " is damaged: a trial of a tally is missing"});
  }
  const bool imported = row.is_null(3);
  BatchBest entry;
  entry.batch = candidate.batch;
  entry.group = candidate.group;
  entry.run = candidate.run;
  entry.sweep = row.optional_text(4);
  entry.best = {.trial = candidate.trial,
                .config = read_config(connection, row, 6),
                .latency_us = row.real(1),
                .samples_us = {},
                .rounds_us = {},
                .measured_at = {row.integer(2)},
                .gpu_uuid = row.optional_text(5)};
  add_samples(connection, candidate, row.integer(0), imported, entry.best);
  if (!row.is_null(k_level)) entry.rule = {.level = row.real(k_level), .min_gain = row.real(k_level + 1)};
  if (row.is_null(14)) return entry;
  entry.default_source = row.text(13);
  entry.default_config = read_config(connection, row, 15);
  if (entry.default_config == entry.best.config) {
    if (entry.sweep) entry.default_row = entry.best;
  } else {
    add_default_row(connection, candidate, row.integer(14), imported, entry);
  }
  return entry;
}

Candidate read_candidate(const Query& row) {
  return {.batch = row.integer(0),
          .run = row.integer(1),
          .group = row.integer(2),
          .rows = row.integer(3),
          .trial = row.integer(4)};
}

/// `rows` lists tallies by batch and, in a batch, the fastest first.
std::vector<BatchBest> best_of(Connection& connection, Query rows) {
  std::vector<BatchBest> bests;
  while (rows.step()) {
    const Candidate candidate = read_candidate(rows);
    if (bests.empty() || bests.back().batch != candidate.batch) bests.push_back(read_best(connection, candidate));
    bests.back().rows += candidate.rows;
  }
  return bests;
}

/// In whose turns the rounds of a row have to be: those of the sweep with this label, of its own without one.
struct InTurnsOf {
  std::optional<std::string> sweep;
};

/// The fastest row of a run's batch that had so many rounds, on the GPU of the default where that is another one.
std::optional<std::int64_t> fastest_with_rounds(Connection& connection, const BatchBest& run, std::size_t rounds,
                                                const std::optional<InTurnsOf>& turns = {}) {
  const auto& gpu = run.default_gpu ? run.default_gpu : run.best.gpu_uuid;
  auto row = connection.query(sql::fastest_trial_with_rounds_sql, run.run, run.batch, run.group,
                              static_cast<std::int64_t>(rounds), gpu, turns ? 1 : 0,
                              turns ? turns->sweep : std::optional<std::string>());
  return row.step() ? std::optional(row.integer(0)) : std::nullopt;
}

/// The fastest row of a run's batch and GPU that took no turns with `standard`.
std::optional<std::int64_t> fastest_out_of_turn(Connection& connection, const BatchBest& run,
                                                const MeasuredRow& standard) {
  auto row = connection.query(sql::fastest_trial_out_of_turn_sql, run.run, run.batch, run.group, run.best.gpu_uuid,
                              standard.rounds_of, standard.measured_at.ms);
  return row.step() ? std::optional(row.integer(0)) : std::nullopt;
}

/// The same run with another one of its rows as its best.
BatchBest with_best(Connection& connection, const BatchBest& run, std::int64_t trial) {
  const Candidate candidate{.batch = run.batch, .run = run.run, .group = run.group, .rows = run.rows, .trial = trial};
  BatchBest other = read_best(connection, candidate);
  other.rows = run.rows;
  other.incumbent = run.incumbent;
  return other;
}

constexpr std::size_t k_most_runs = 256;

/// The newest of the runs that have rows of one batch, the oldest of them first.
std::vector<Candidate> newest_runs(std::vector<Candidate> candidates) {
  std::ranges::sort(candidates, {}, &Candidate::run);
  if (candidates.size() > k_most_runs) candidates.erase(candidates.begin(), candidates.end() - k_most_runs);
  return candidates;
}

std::int64_t only_finished(Runs runs) {
  return runs == Runs::finished ? 1 : 0;
}

}  // namespace

Result<std::vector<GroupMatch>> matching_groups(Snapshot& snapshot, const schema::GroupFilter& filter,
                                                Versions versions) {
  return guarded([&]() -> Result<std::vector<GroupMatch>> {
    schema::GroupFilter wanted = filter;
    if (!wanted.l2) wanted.l2 = schema::L2::cold;
    if (!wanted.routing) wanted.routing = "uniform";
    auto matches = groups_with_rows(snapshot.connection(), wanted);
    if (!wanted.kernel) {
      std::erase_if(matches, [](const GroupMatch& match) { return schema::is_scan(match.group.kernel); });
    }
    if (versions == Versions::newest) matches = newest_versions(std::move(matches));
    std::ranges::sort(matches, {}, &GroupMatch::group);
    return matches;
  });
}

Result<std::vector<std::string>> known_routings(Snapshot& snapshot, const schema::GroupFilter& filter) {
  return guarded([&]() -> Result<std::vector<std::string>> {
    schema::GroupFilter any = filter;
    any.routing.reset();
    std::set<std::string> names;
    for (const auto& match : groups_with_rows(snapshot.connection(), any)) names.insert(match.group.routing);
    return std::vector<std::string>(names.begin(), names.end());
  });
}

Result<std::vector<BatchBest>> best_of_group(Snapshot& snapshot, std::int64_t group, Runs runs) {
  return guarded([&]() -> Result<std::vector<BatchBest>> {
    Connection& connection = snapshot.connection();
    return best_of(connection, connection.query(sql::best_of_group_sql, group, only_finished(runs)));
  });
}

Result<std::vector<BatchBest>> bests_by_run(Snapshot& snapshot, std::int64_t group, Runs runs) {
  return guarded([&]() -> Result<std::vector<BatchBest>> {
    Connection& connection = snapshot.connection();
    std::map<std::int64_t, std::vector<Candidate>> by_batch;
    auto row = connection.query(sql::best_of_group_sql, group, only_finished(runs));
    while (row.step()) {
      const Candidate candidate = read_candidate(row);
      by_batch[candidate.batch].push_back(candidate);
    }
    std::vector<BatchBest> bests;
    for (auto& [batch, candidates] : by_batch) {
      for (const Candidate& candidate : newest_runs(std::move(candidates))) {
        bests.push_back(read_best(connection, candidate));
        bests.back().rows = candidate.rows;
      }
    }
    return bests;
  });
}

Result<void> move_to_gpu_of_default(Snapshot& snapshot, BatchBest& run) {
  return guarded([&]() -> Result<void> {
    if (!run.default_gpu) return {};
    Connection& connection = snapshot.connection();
    const auto trial = fastest_with_rounds(connection, run, 0);
    if (trial) run = with_best(connection, run, *trial);
    return {};
  });
}

Result<void> prefer_rounds(Snapshot& snapshot, BatchBest& run, std::size_t rounds) {
  return guarded([&]() -> Result<void> {
    const bool has_none =
        run.best.rounds_us.empty() && (!run.sweep || (run.default_row && run.default_row->rounds_us.empty()));
    const bool in_turns = !run.default_row || run.default_row->rounds_of == run.best.rounds_of;
    if (has_none || (in_turns && run.best.rounds_us.size() >= rounds)) return {};
    Connection& connection = snapshot.connection();
    const auto turns = run.default_row ? std::optional(InTurnsOf{run.default_row->rounds_of}) : std::nullopt;
    const auto trial = fastest_with_rounds(connection, run, rounds, turns);
    if (!trial) return {};
    BatchBest judged = with_best(connection, run, *trial);
    const auto elsewhere =
        fastest_out_of_turn(connection, judged, judged.default_row ? *judged.default_row : judged.best);
    if (elsewhere) {
      BatchBest other = with_best(connection, run, *elsewhere);
      // Times of two sessions differ: a little faster is not faster there.
      if (other.best.latency_us < judged.best.latency_us * (1 - judged.rule.min_gain)) judged = std::move(other);
    }
    run = std::move(judged);
    return {};
  });
}

Result<std::optional<MeasuredRow>> row_in_run(Snapshot& snapshot, const BatchBest& run,
                                              const schema::TileConfig& config) {
  return guarded([&]() -> Result<std::optional<MeasuredRow>> {
    Connection& connection = snapshot.connection();
    const auto id = find_config(connection, config);
    if (!id) return std::nullopt;
    auto row =
        connection.query(sql::fastest_trial_of_config_sql, run.run, run.batch, *id, run.group, run.best.gpu_uuid);
    if (!row.step() || row.text(1) != "ok") return std::nullopt;
    MeasuredRow measured{.trial = row.integer(0),
                         .config = config,
                         .latency_us = row.real(2),
                         .samples_us = {},
                         .rounds_us = {},
                         .measured_at = {row.integer(3)},
                         .gpu_uuid = row.optional_text(5)};
    const Candidate candidate{
        .batch = run.batch, .run = run.run, .group = run.group, .rows = 0, .trial = measured.trial};
    add_samples(connection, candidate, *id, !row.is_null(4), measured);
    return measured;
  });
}

Result<std::optional<BatchBest>> best_without_pair(Snapshot& snapshot, std::int64_t group, std::int64_t batch,
                                                   Runs runs) {
  return guarded([&]() -> Result<std::optional<BatchBest>> {
    Connection& connection = snapshot.connection();
    auto row = connection.query(sql::fastest_unpaired_trial_sql, group, batch, only_finished(runs));
    if (!row.step()) return std::nullopt;
    const Candidate candidate = read_candidate(row);
    BatchBest best = read_best(connection, candidate);
    best.rows = candidate.rows;
    return best;
  });
}

Result<std::vector<BatchBest>> best_of_sweep(Snapshot& snapshot, std::int64_t sweep) {
  return guarded([&]() -> Result<std::vector<BatchBest>> {
    Connection& connection = snapshot.connection();
    return best_of(connection, connection.query(sql::best_of_run_sql, run_of_sweep(connection, sweep)));
  });
}

}  // namespace moetune::db
