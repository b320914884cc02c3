#include "db/attempt_store.hpp"

#include <fmt/format.h>

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "db/run.hpp"
#include "queries.hpp"

namespace moetune::db {
namespace {

/// The detail of an attempt that was open when its daemon died.
constexpr std::string_view k_cut_off = "the daemon ended";

AttemptKind kind_from_name(std::string_view name) {
  return name == name_of(AttemptKind::compile) ? AttemptKind::compile : AttemptKind::measure;
}

AttemptOutcome outcome_from_name(std::string_view name) {
  for (const AttemptOutcome outcome :
       {AttemptOutcome::answered, AttemptOutcome::worker_failed, AttemptOutcome::timed_out}) {
    if (name == name_of(outcome)) return outcome;
  }
  return AttemptOutcome::interrupted;
}

Attempt read_attempt(Connection& connection, std::int64_t id) {
  auto row = connection.query(sql::find_attempt_sql, id);
  if (!row.step()) throw Fault({ErrorCode::not_found, fmt::format("there is no attempt {}", id)});
  Attempt attempt;
  attempt.id = id;
  attempt.sweep = row.integer(1);
  attempt.kind = kind_from_name(row.text(2));
  attempt.artifact_key = row.optional_text(3).value_or("");
  if (!row.is_null(4)) attempt.candidate = TrialKey{row.integer(4), read_config(connection, row, 11)};
  attempt.boot_id = row.text(5);
  attempt.alone = row.integer(6) != 0;
  attempt.started_at = {row.integer(7)};
  if (!row.is_null(8)) {
    attempt.outcome = outcome_from_name(row.text(8));
    attempt.detail = row.text(9);
    attempt.ended_at = schema::Timestamp{row.integer(10)};
  }
  return attempt;
}

std::vector<Attempt> attempts_of(Connection& connection, Query rows) {
  std::vector<Attempt> attempts;
  while (rows.step()) attempts.push_back(read_attempt(connection, rows.integer(0)));
  return attempts;
}

bool add_outcome(Connection& connection, std::int64_t id, AttemptOutcome outcome, std::string_view detail) {
  return connection.run(sql::add_attempt_outcome_sql, id, name_of(outcome), detail, schema::now().ms) == 1;
}

}  // namespace

std::string_view name_of(AttemptKind kind) {
  return kind == AttemptKind::compile ? "compile" : "measure";
}

std::string_view name_of(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::answered:
      return "answered";
    case AttemptOutcome::worker_failed:
      return "worker_failed";
    case AttemptOutcome::timed_out:
      return "timed_out";
    case AttemptOutcome::interrupted:
      return "interrupted";
  }
  return "interrupted";
}

Result<std::int64_t> begin_attempt(Transaction& transaction, const NewAttempt& attempt) {
  if (attempt.artifact_key.empty() && !attempt.candidate) {
    return schema::fail(ErrorCode::invalid_argument, "an attempt needs an artifact key or a candidate");
  }
  return guarded([&]() -> Result<std::int64_t> {
    Connection& connection = transaction.connection();
    run_of_sweep(connection, attempt.sweep);
    std::optional<std::int64_t> batch;
    std::optional<std::int64_t> config;
    if (attempt.candidate) {
      batch = attempt.candidate->batch;
      config = intern_config(connection, attempt.candidate->config);
    }
    const auto key = attempt.artifact_key.empty() ? std::nullopt : std::optional(attempt.artifact_key);
    connection.run(sql::add_attempt_sql, attempt.sweep, name_of(attempt.kind), key, batch, config, attempt.boot_id,
                   attempt.alone, schema::now().ms);
    return connection.last_insert_id();
  });
}

Result<void> end_attempt(Transaction& transaction, std::int64_t id, AttemptOutcome outcome, std::string_view detail) {
  return guarded([&]() -> Result<void> {
    Connection& connection = transaction.connection();
    const Attempt attempt = read_attempt(connection, id);
    if (attempt.outcome) {
      return schema::fail(ErrorCode::conflict,
                          fmt::format("attempt {} has ended already: {}", id, name_of(*attempt.outcome)));
    }
    add_outcome(connection, id, outcome, detail);
    return {};
  });
}

Result<std::int64_t> interrupt_open_attempts(Transaction& transaction, std::string_view boot_id) {
  return guarded([&]() -> Result<std::int64_t> {
    Connection& connection = transaction.connection();
    std::vector<std::int64_t> stale;
    for (auto rows = connection.query(sql::stale_attempt_ids_sql, boot_id); rows.step();) {
      stale.push_back(rows.integer(0));
    }
    for (const std::int64_t id : stale) add_outcome(connection, id, AttemptOutcome::interrupted, k_cut_off);
    return std::ssize(stale);
  });
}

Result<std::vector<Attempt>> cut_off_attempts(Snapshot& snapshot, std::int64_t sweep) {
  return guarded([&]() -> Result<std::vector<Attempt>> {
    Connection& connection = snapshot.connection();
    return attempts_of(connection, connection.query(sql::cut_off_attempt_ids_sql, sweep, k_cut_off));
  });
}

Result<std::vector<Attempt>> open_attempts(Snapshot& snapshot, std::int64_t sweep) {
  return guarded([&]() -> Result<std::vector<Attempt>> {
    Connection& connection = snapshot.connection();
    return attempts_of(connection, connection.query(sql::open_attempt_ids_sql, sweep));
  });
}

Result<std::vector<Attempt>> attempts_for_artifact(Snapshot& snapshot, std::int64_t sweep,
                                                   std::string_view artifact_key) {
  return guarded([&]() -> Result<std::vector<Attempt>> {
    Connection& connection = snapshot.connection();
    return attempts_of(connection, connection.query(sql::attempt_ids_for_artifact_sql, sweep, artifact_key));
  });
}

Result<std::vector<Attempt>> attempts_for_candidate(Snapshot& snapshot, std::int64_t sweep, const TrialKey& candidate) {
  return guarded([&]() -> Result<std::vector<Attempt>> {
    Connection& connection = snapshot.connection();
    const auto config = find_config(connection, candidate.config);
    if (!config) return std::vector<Attempt>();
    return attempts_of(connection,
                       connection.query(sql::attempt_ids_for_candidate_sql, sweep, candidate.batch, *config));
  });
}

}  // namespace moetune::db
