#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "db/anchor_store.hpp"
#include "db/attempt_store.hpp"
#include "db/sweep_store.hpp"
#include "db/trial_store.hpp"
#include "schema/trial.hpp"

namespace moetune::daemon {

/// What a running sweep has to write: rows, ends of attempts, counters, and the attempts that are about to begin. It is
/// written in one transaction; what cannot be written (a full disk) is kept and tried again. Not thread-safe.
class RunLedger {
 public:
  RunLedger(std::int64_t sweep, schema::SweepPhase phase, std::string boot_id)
      : sweep_(sweep), phase_(phase), boot_id_(std::move(boot_id)) {}

  /// From now on rows are of that phase. Precondition: empty().
  void enter(schema::SweepPhase phase) { phase_ = phase; }

  void add_row(schema::Trial row) { rows_.push_back(std::move(row)); }
  /// One round of a candidate; its row, which comes when the rounds suffice, is to be added with add_row_of_rounds().
  void add_round(schema::Trial round) { rounds_.push_back(std::move(round)); }
  /// A row whose samples were added round by round.
  void add_row_of_rounds(schema::Trial row);
  void add_counts(const db::CompileCounts& counts);
  /// The sweep has so many trials, as far as is known now.
  void set_total(std::int64_t total) { total_ = total; }
  /// The batch is measured on this GPU.
  void own(std::int64_t batch, std::string gpu_uuid) { owners_[batch] = std::move(gpu_uuid); }
  void add_anchor(db::AnchorRow row) { anchors_.push_back(std::move(row)); }
  /// The attempt of a job has ended.
  void end(std::int64_t job, db::AttemptOutcome outcome, std::string detail = "");
  /// A job is about to be sent; its attempt begins with the next commit.
  void begin(std::int64_t job, db::NewAttempt attempt);

  bool empty() const {
    return rows_.empty() && rounds_.empty() && ended_.empty() && anchors_.empty() && !has_counts() && !total_;
  }
  bool anything_to_write() const { return !empty() || !begun_.empty(); }

  /// Writes everything. On success returns the rows that were written. On an error nothing was written and everything
  /// is kept except for the attempts about to begin, whose jobs must not be sent.
  schema::Result<std::vector<schema::Trial>> commit(db::Database& database);

 private:
  struct Ending {
    std::int64_t attempt = 0;
    db::AttemptOutcome outcome = db::AttemptOutcome::answered;
    std::string detail;
  };
  schema::Result<void> write_rows(db::Transaction& transaction) const;
  bool has_counts() const { return counts_ != db::CompileCounts{}; }

  std::int64_t sweep_;
  schema::SweepPhase phase_;
  std::string boot_id_;
  std::vector<schema::Trial> rows_;
  std::set<std::size_t> rows_of_rounds_;  ///< indexes into rows_
  std::vector<schema::Trial> rounds_;
  std::vector<Ending> ended_;
  std::vector<db::AnchorRow> anchors_;
  std::map<std::int64_t, std::string> owners_;  ///< by batch
  db::CompileCounts counts_;
  std::optional<std::int64_t> total_;
  std::map<std::int64_t, db::NewAttempt> begun_;     ///< by job
  std::map<std::int64_t, std::int64_t> attempt_of_;  ///< by job, once begun
};

}  // namespace moetune::daemon
