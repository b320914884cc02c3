#include "db/trial_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "db/run.hpp"
#include "db/trial_rows.hpp"
#include "queries.hpp"

namespace moetune::db {
namespace {

using schema::SweepPhase;
using schema::Trial;
using schema::TrialStatus;

Result<void> validate(const Trial& trial) {
  const auto bad = [&](std::string_view what) {
    return schema::fail(ErrorCode::invalid_argument,
                        fmt::format("a trial with status {} {}", name_of(trial.status), what));
  };
  const bool ok = trial.status == TrialStatus::ok;
  if (ok && !trial.latency_us) return bad("needs latency_us");
  if (!ok && trial.latency_us) return bad("has no latency_us");
  if (ok && !(std::isfinite(*trial.latency_us) && *trial.latency_us > 0)) return bad("needs latency_us above 0");
  if (trial.batch < 1 || trial.batch > schema::k_max_batch)
    return bad(fmt::format("cannot have batch {}", trial.batch));
  const auto in_rounds = std::accumulate(trial.rounds.begin(), trial.rounds.end(), std::int64_t{0});
  const bool each_has_some = std::ranges::all_of(trial.rounds, [](std::int64_t size) { return size > 0; });
  if (!trial.rounds.empty() && (!each_has_some || in_rounds != std::ssize(trial.samples_us))) {
    return bad(fmt::format("and {} samples has rounds of {} in all", trial.samples_us.size(), in_rounds));
  }
  return validate_samples(trial.samples_us);
}

/// One chunk, or one for each round of a row that is taken over from another sweep.
void add_samples(Connection& connection, const TrialPlace& place, const Trial& trial) {
  auto rounds = trial.rounds;
  if (rounds.empty() && !trial.samples_us.empty()) rounds.push_back(std::ssize(trial.samples_us));
  auto left = std::span(trial.samples_us);
  for (const std::int64_t size : rounds) {
    const auto count = static_cast<std::size_t>(size);
    connection.run(sql::add_samples_sql, place.run, trial.batch, place.config, left.first(count), trial.gpu_uuid,
                   trial.rounds_of);
    left = left.subspan(count);
  }
}

}  // namespace

Result<void> validate_samples(std::span<const double> samples_us) {
  for (const double sample : samples_us) {
    if (!std::isfinite(sample) || sample < 0) {
      return schema::fail(ErrorCode::invalid_argument, fmt::format("a sample must be a time, not {}", sample));
    }
  }
  return {};
}

Result<Recorded> record_trial(Transaction& transaction, std::int64_t sweep, const Trial& trial, SweepPhase phase) {
  if (auto valid = validate(trial); !valid) return std::unexpected(valid.error());
  return guarded([&]() -> Result<Recorded> {
    Connection& connection = transaction.connection();
    const TrialPlace place{.run = run_of_sweep(connection, sweep, phase),
                           .group = intern_group(connection, trial.group),
                           .environment = intern_environment(connection, trial),
                           .config = intern_config(connection, trial.config)};
    if (!insert_trial(connection, place, trial)) return Recorded::already_there;
    add_samples(connection, place, trial);
    return Recorded::inserted;
  });
}

Result<void> append_samples(Transaction& transaction, std::int64_t sweep, const TrialKey& key,
                            std::span<const double> samples_us, const std::optional<std::string>& gpu_uuid) {
  if (auto valid = validate_samples(samples_us); !valid) return valid;
  return guarded([&]() -> Result<void> {
    Connection& connection = transaction.connection();
    const std::int64_t run = run_of_sweep(connection, sweep);
    if (samples_us.empty()) return {};
    connection.run(sql::add_samples_sql, run, key.batch, intern_config(connection, key.config), samples_us, gpu_uuid,
                   std::optional<std::string>());
    return {};
  });
}

Result<std::vector<double>> samples_of(Snapshot& snapshot, std::int64_t sweep, const TrialKey& key,
                                       const std::optional<std::string>& gpu_uuid) {
  return guarded([&]() -> Result<std::vector<double>> {
    Connection& connection = snapshot.connection();
    const std::int64_t run = run_of_sweep(connection, sweep);
    const auto config = find_config(connection, key.config);
    return config ? read_samples(connection, {run, key.batch, *config, gpu_uuid}) : std::vector<double>();
  });
}

Result<std::vector<TrialKey>> finished_trials(Snapshot& snapshot, std::int64_t sweep, SweepPhase phase) {
  return guarded([&]() -> Result<std::vector<TrialKey>> {
    Connection& connection = snapshot.connection();
    auto row = connection.query(sql::finished_trials_sql, run_of_sweep(connection, sweep, phase));
    std::vector<TrialKey> keys;
    while (row.step()) keys.push_back({row.integer(0), read_config(connection, row, 1)});
    return keys;
  });
}

Result<std::vector<ScannedRow>> scanned_rows(Snapshot& snapshot, std::int64_t sweep, SweepPhase phase) {
  return guarded([&]() -> Result<std::vector<ScannedRow>> {
    Connection& connection = snapshot.connection();
    auto row = connection.query(sql::scanned_rows_sql, run_of_sweep(connection, sweep, phase));
    std::vector<ScannedRow> rows;
    while (row.step()) {
      rows.push_back({.key = {row.integer(0), read_config(connection, row, 4)},
                      .status = value_or_throw(schema::trial_status_from_name(row.text(11))),
                      .latency_us = row.real(1),
                      .stages_us = read_stages(row, 2),
                      .remark = row.optional_text(3).value_or(""),
                      .gpu_uuid = row.optional_text(12),
                      .measured_at = {row.integer(13)}});
    }
    return rows;
  });
}

Result<std::map<TrialStatus, std::int64_t>> count_trials(Snapshot& snapshot, std::int64_t sweep) {
  return guarded([&]() -> Result<std::map<TrialStatus, std::int64_t>> {
    Connection& connection = snapshot.connection();
    run_of_sweep(connection, sweep);  // throws when there is no such sweep
    auto row = connection.query(sql::count_trials_of_sweep_sql, sweep);
    std::map<TrialStatus, std::int64_t> counts;
    while (row.step()) counts[value_or_throw(schema::trial_status_from_name(row.text(0)))] = row.integer(1);
    return counts;
  });
}

}  // namespace moetune::db
