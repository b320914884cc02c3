#include "daemon/sweep/run_ledger.hpp"

#include <utility>

#include "db/database.hpp"
#include "db/trial_store.hpp"

namespace moetune::daemon {

void RunLedger::add_counts(const db::CompileCounts& counts) {
  counts_.done += counts.done;
  counts_.cached += counts.cached;
  counts_.failed += counts.failed;
}

void RunLedger::end(std::int64_t job, db::AttemptOutcome outcome, std::string detail) {
  const auto found = attempt_of_.find(job);
  if (found == attempt_of_.end()) return;
  ended_.push_back({found->second, outcome, std::move(detail)});
  attempt_of_.erase(found);
}

void RunLedger::begin(std::int64_t job, db::NewAttempt attempt) {
  attempt.sweep = sweep_;
  attempt.boot_id = boot_id_;
  begun_[job] = std::move(attempt);
}

schema::Result<std::vector<schema::Trial>> RunLedger::commit(db::Database& database) {
  std::map<std::int64_t, std::int64_t> attempts;
  auto written = database.write([&](db::Transaction& transaction) -> schema::Result<void> {
    attempts.clear();
    for (const schema::Trial& row : rows_) {
      if (auto done = db::record_trial(transaction, sweep_, row, phase_); !done) return std::unexpected(done.error());
    }
    for (const Ending& ending : ended_) {
      if (auto done = db::end_attempt(transaction, ending.attempt, ending.outcome, ending.detail); !done) return done;
    }
    if (has_counts()) {
      if (auto done = db::add_compile_counts(transaction, sweep_, counts_); !done) return done;
    }
    for (const auto& [job, attempt] : begun_) {
      auto id = db::begin_attempt(transaction, attempt);
      if (!id) return std::unexpected(id.error());
      attempts[job] = *id;
    }
    return {};
  });
  begun_.clear();
  if (!written) return std::unexpected(written.error());
  attempt_of_.merge(attempts);
  ended_.clear();
  counts_ = {};
  return std::exchange(rows_, {});
}

}  // namespace moetune::daemon
