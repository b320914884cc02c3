#include "db/trial_rows.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "db/dictionary.hpp"
#include "queries.hpp"

namespace moetune::db {
namespace {

using schema::Trial;

/// Columns as find_trial.sql lists them, without the samples.
Trial read_row(Connection& connection, const Query& row) {
  Trial trial;
  trial.sweep = row.optional_text(3);
  trial.batch = row.integer(6);
  trial.status = value_or_throw(schema::trial_status_from_name(row.text(7)));
  trial.latency_us = row.optional_real(8);
  trial.measured_at = {row.integer(9)};
  trial.sm_clock_mhz = row.optional_integer(10);
  trial.throttle = row.optional_text(11);
  trial.stages_us = read_stages(row, 12);
  trial.log_tail = row.optional_text(13);
  trial.arch = row.text(14);
  trial.gpu_uuid = row.optional_text(15);
  trial.driver = row.optional_text(16);
  trial.tool_version = row.optional_text(17);
  trial.config = read_config(connection, row, 18);
  trial.group = read_group(row, 25);
  return trial;
}

}  // namespace

std::optional<std::string> stages_text(const Trial& trial) {
  return trial.stages_us.empty() ? std::nullopt : std::optional(nlohmann::json(trial.stages_us).dump());
}

std::map<std::string, double> read_stages(const Query& row, int column) {
  std::map<std::string, double> stages;
  if (row.is_null(column)) return stages;
  const auto value = nlohmann::json::parse(row.text(column), nullptr, false);
  if (!value.is_object()) {
    throw Fault({ErrorCode::data_damaged,
                 fmt::format("a stages_us beginning with {} is not an object", row.text(column).substr(0, 40))});
  }
  for (const auto& [name, number] : value.items()) stages[name] = number.is_number() ? number.get<double>() : 0;
  return stages;
}

std::optional<std::int64_t> insert_trial(Connection& connection, const TrialPlace& place, const Trial& trial) {
  const auto inserted =
      connection.run(sql::add_trial_sql, place.run, place.group, place.environment, place.config, trial.batch,
                     place.repetition, place.twin, name_of(trial.status), trial.latency_us, trial.measured_at.ms,
                     trial.sm_clock_mhz, trial.throttle, stages_text(trial), trial.log_tail);
  return inserted == 1 ? std::optional(connection.last_insert_id()) : std::nullopt;
}

KnownTrial insert_unless_known(Connection& connection, TrialPlace place, const Trial& trial) {
  if (const auto id = insert_trial(connection, place, trial)) return {.id = *id, .is_new = true};
  if (const auto id = find_known(connection, place, trial)) return {.id = *id, .is_new = false};
  {
    auto next = connection.query(sql::next_twin_sql, place.run, trial.batch, place.config, place.repetition);
    if (next.step()) place.twin = next.integer(0);
  }
  return {.id = insert_trial(connection, place, trial).value(), .is_new = true};
}

std::optional<std::int64_t> find_known(Connection& connection, const TrialPlace& place, const Trial& trial) {
  auto row =
      connection.query(sql::list_same_trials_sql, place.run, trial.batch, place.config, place.repetition, place.group,
                       place.environment, name_of(trial.status), trial.latency_us, trial.measured_at.ms,
                       trial.sm_clock_mhz, trial.throttle, stages_text(trial), trial.log_tail);
  while (row.step()) {
    const auto samples = row.is_null(1)
                             ? read_samples(connection, {place.run, trial.batch, place.config, trial.gpu_uuid})
                             : row.doubles(1);
    if (samples == trial.samples_us) return row.integer(0);
  }
  return std::nullopt;
}

StoredTrial read_trial(Connection& connection, std::int64_t id) {
  auto row = connection.query(sql::find_trial_sql, id);
  if (!row.step()) {
    throw Fault({ErrorCode::data_damaged, fmt::format("{} is damaged: trial {} or what it refers to is missing",
                                                      connection.path().string(), id)});
  }
  StoredTrial stored{.id = id, .discarded = row.integer(1) != 0, .trial = read_row(connection, row)};
  const bool imported = row.is_null(2);
  auto samples =
      imported ? read_imported_samples(connection, id)
               : read_row_samples(connection, {row.integer(4), row.integer(6), row.integer(5), stored.trial.gpu_uuid});
  stored.trial.samples_us = std::move(samples.samples_us);
  stored.rounds_us = std::move(samples.rounds_us);
  // One chunk is a measurement like any other: nothing took turns.
  if (stored.trial.status != schema::TrialStatus::ok || samples.rounds.size() < 2) return stored;
  stored.trial.rounds = std::move(samples.rounds);
  stored.trial.rounds_of = std::move(samples.rounds_of);
  return stored;
}

std::vector<std::vector<double>> read_rounds(Connection& connection, const SamplesOf& whose) {
  std::vector<std::vector<double>> rounds;
  auto chunk = connection.query(sql::list_samples_sql, whose.run, whose.batch, whose.config, whose.gpu_uuid);
  while (chunk.step()) rounds.push_back(chunk.doubles(0));
  return rounds;
}

RowSamples read_row_samples(Connection& connection, const SamplesOf& whose) {
  RowSamples row;
  auto chunk = connection.query(sql::list_samples_sql, whose.run, whose.batch, whose.config, whose.gpu_uuid);
  while (chunk.step()) {
    const auto round = chunk.doubles(0);
    row.samples_us.insert(row.samples_us.end(), round.begin(), round.end());
    row.rounds_us.push_back(schema::median(round));
    row.rounds.push_back(std::ssize(round));
    row.rounds_of = chunk.optional_text(1);
  }
  return row;
}

std::vector<double> read_samples(Connection& connection, const SamplesOf& whose) {
  std::vector<double> samples;
  auto chunk = connection.query(sql::list_samples_sql, whose.run, whose.batch, whose.config, whose.gpu_uuid);
  while (chunk.step()) chunk.append_doubles(0, samples);
  return samples;
}

RowSamples read_imported_samples(Connection& connection, std::int64_t trial) {
  RowSamples samples;
  auto row = connection.query(sql::find_imported_samples_sql, trial);
  if (!row.step()) return samples;
  samples.samples_us = row.doubles(0);
  if (row.is_null(1)) return samples;
  const auto rounds = nlohmann::json::parse(row.text(1), nullptr, false);
  auto next = samples.samples_us.begin();
  for (const auto& size : rounds) {
    samples.rounds.push_back(size.is_number_integer() ? size.get<std::int64_t>() : 0);
    if (samples.rounds.back() < 1 || samples.rounds.back() > samples.samples_us.end() - next) {
      throw Fault({ErrorCode::data_damaged, fmt::format("the rounds of trial {} are not those of its samples", trial)});
    }
    const auto end = next + samples.rounds.back();
    samples.rounds_us.push_back(schema::median({next, end}));
    next = end;
  }
  if (next != samples.samples_us.end()) {
    throw Fault({ErrorCode::data_damaged, fmt::format("the rounds of trial {} lack some of its samples", trial)});
  }
  samples.rounds_of = row.optional_text(2);
  return samples;
}

}  // namespace moetune::db
