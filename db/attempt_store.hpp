#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/database.hpp"
#include "db/trial_store.hpp"
#include "schema/timestamp.hpp"

namespace moetune::db {

enum class AttemptKind { compile, measure };

enum class AttemptOutcome {
  answered,       ///< the worker replied, whatever the reply was
  worker_failed,  ///< the worker died or answered garbage over this job, under a living supervisor
  timed_out,      ///< the supervisor ended the worker at the job's time or memory limit
  interrupted,    ///< the daemon died or stopped, or somebody else ended the worker: nobody is to blame
};

std::string_view name_of(AttemptKind kind);
std::string_view name_of(AttemptOutcome outcome);

/// A job about to be given to a worker. A compile attempt has an artifact key, a measure attempt a candidate.
struct NewAttempt {
  std::int64_t sweep = 0;
  AttemptKind kind = AttemptKind::compile;
  std::string artifact_key;  ///< empty: none
  std::optional<TrialKey> candidate;
  std::string boot_id;  ///< names this run of the daemon
  bool alone = false;   ///< nothing else was in flight
};

struct Attempt : NewAttempt {
  std::int64_t id = 0;
  schema::Timestamp started_at;
  std::optional<schema::Timestamp> ended_at;  ///< none: open
  std::optional<AttemptOutcome> outcome;
  std::string detail;
};

/// Notes that a job is about to start and returns the attempt's id. Errors: not_found (sweep); invalid_argument.
Result<std::int64_t> begin_attempt(Transaction& transaction, const NewAttempt& attempt);

/// Adds how it ended, once. Errors: not_found; conflict when it has ended already.
Result<void> end_attempt(Transaction& transaction, std::int64_t id, AttemptOutcome outcome,
                         std::string_view detail = "");

/// Ends every open attempt of other runs of the daemon as interrupted and returns how many there were.
Result<std::int64_t> interrupt_open_attempts(Transaction& transaction, std::string_view boot_id);

/// Attempts of a sweep that some daemon died over and whose job no worker has answered, failed or overrun since: what
/// has to be tried again one at a time. Oldest first.
Result<std::vector<Attempt>> cut_off_attempts(Snapshot& snapshot, std::int64_t sweep);

/// The attempts of a sweep without an outcome, oldest first.
Result<std::vector<Attempt>> open_attempts(Snapshot& snapshot, std::int64_t sweep);

/// Every attempt of a sweep for an artifact, or for a candidate, oldest first.
Result<std::vector<Attempt>> attempts_for_artifact(Snapshot& snapshot, std::int64_t sweep,
                                                   std::string_view artifact_key);
Result<std::vector<Attempt>> attempts_for_candidate(Snapshot& snapshot, std::int64_t sweep, const TrialKey& candidate);

}  // namespace moetune::db
