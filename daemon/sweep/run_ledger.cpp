#include "daemon/sweep/run_ledger.hpp"

#include <utility>

#include "db/batch_owner_store.hpp"
#include "db/database.hpp"
#include "db/round_store.hpp"
#include "db/trial_store.hpp"

namespace moetune::daemon {

void RunLedger::add_counts(const db::CompileCounts& counts) {
  counts_.done += counts.done;
  counts_.cached += counts.cached;
  counts_.failed += counts.failed;
}

void RunLedger::add_row_of_rounds(schema::Trial row) {
  rows_of_rounds_.insert(rows_.size());
  rows_.push_back(std::move(row));
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

schema::Result<void> RunLedger::write_rows(db::Transaction& transaction) const {
  for (const schema::Trial& round : rounds_) {
    if (auto done = db::append_round(transaction, sweep_, round); !done) return done;
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    schema::Trial without_samples;
    const bool is_of_rounds = rows_of_rounds_.contains(i);
    if (is_of_rounds) {
      without_samples = rows_[i];
      without_samples.samples_us.clear();
      without_samples.rounds.clear();
    }
    const auto done = db::record_trial(transaction, sweep_, is_of_rounds ? without_samples : rows_[i], phase_);
    if (!done) return std::unexpected(done.error());
  }
  return {};
}

schema::Result<std::vector<schema::Trial>> RunLedger::commit(db::Database& database) {
  std::map<std::int64_t, std::int64_t> attempts;
  auto written = database.write([&](db::Transaction& transaction) -> schema::Result<void> {
    attempts.clear();
    if (auto done = write_rows(transaction); !done) return done;
    for (const Ending& ending : ended_) {
      if (auto done = db::end_attempt(transaction, ending.attempt, ending.outcome, ending.detail); !done) return done;
    }
    if (has_counts()) {
      if (auto done = db::add_compile_counts(transaction, sweep_, counts_); !done) return done;
    }
    if (total_) {
      if (auto done = db::set_sweep_total(transaction, sweep_, *total_); !done) return done;
    }
    for (const db::AnchorRow& row : anchors_) {
      if (auto done = db::add_anchor_reading(transaction, sweep_, row); !done) return done;
    }
    for (const auto& [batch, uuid] : owners_) {
      if (auto done = db::add_batch_owner(transaction, sweep_, phase_, batch, uuid); !done) return done;
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
  owners_.clear();
  anchors_.clear();
  ended_.clear();
  counts_ = {};
  total_.reset();
  rounds_.clear();
  rows_of_rounds_.clear();
  return std::exchange(rows_, {});
}

}  // namespace moetune::daemon
