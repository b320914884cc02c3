#include "tests/bench/recorded_heats.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/search/choice.hpp"
#include "daemon/search/heat_turns.hpp"
#include "daemon/search/work_board.hpp"
#include "kernels/sample_plan.hpp"
#include "schema/trial.hpp"

namespace moetune::bench {
namespace {

using daemon::search::Candidate;
using daemon::search::Measured;
using daemon::search::TrialIndex;
using schema::TileConfig;

/// Candidates in heats, until all have their row.
class Heats {
 public:
  Heats(RecordedSweep& sweep, std::vector<Candidate> plan, const schema::ChoiceRule& rule)
      : sweep_(sweep),
        rule_(rule),
        board_(std::move(plan), 1, {}, 1, daemon::search::Order::heats),
        rounds_(board_.trials().size()) {}

  /// The first round of a candidate was the search's measurement of it.
  void take_up(const std::map<Candidate, std::vector<double>>& first_rounds) {
    for (std::size_t i = 0; i < rounds_.size(); ++i) {
      rounds_[i].push_back(first_rounds.at(board_.trials()[i]));
      board_.resume_after({i}, 1);
    }
  }

  void run() {
    board_.open_rounds();
    for (const std::int64_t batch : board_.batches()) look_at(batch);
    while (const auto trial = board_.next_trial(0)) measure(*trial);
  }

  /// By batch, what ran.
  std::map<std::int64_t, std::vector<Measured>> rows() const {
    std::map<std::int64_t, std::vector<Measured>> rows;
    for (std::size_t i = 0; i < rounds_.size(); ++i) {
      const Candidate& candidate = board_.trials()[i];
      if (rounds_[i].empty()) continue;
      auto entry = daemon::search::heat_entry(rounds_[i], false);
      Measured row{.config = candidate.config,
                   .latency_us = *entry.latency_us,
                   .samples_us = {},
                   .rounds_us = std::move(entry.rounds_us)};
      for (const auto& samples_us : rounds_[i]) {
        row.samples_us.insert(row.samples_us.end(), samples_us.begin(), samples_us.end());
      }
      rows[candidate.batch].push_back(std::move(row));
    }
    return rows;
  }

 private:
  bool stays(TrialIndex trial) const {
    const Candidate& candidate = board_.trials()[trial.value];
    const auto found = sweep_.table().defaults().find(candidate.batch);
    return found != sweep_.table().defaults().end() && found->second == candidate.config;
  }

  daemon::search::HeatEntry entry_of(TrialIndex trial) const {
    return daemon::search::heat_entry(rounds_[trial.value], stays(trial));
  }

  void measure(TrialIndex trial) {
    const std::int64_t batch = board_.trials()[trial.value].batch;
    if (auto samples_us = sweep_.round(board_.trials()[trial.value])) {
      const double us = schema::median(*samples_us);
      const bool is_first = rounds_[trial.value].empty();
      rounds_[trial.value].push_back(std::move(*samples_us));
      board_.had_round(trial);
      double& best_us = best_us_.try_emplace(batch, us).first->second;
      best_us = std::min(best_us, us);
      if (is_first && !stays(trial) && daemon::search::is_out_of_heat(us, best_us)) board_.finish(trial);
    } else {
      board_.finish(trial);
    }
    look_at(batch);
  }

  void look_at(std::int64_t batch) {
    const auto entry = [&](TrialIndex trial) { return entry_of(trial); };
    for (const TrialIndex trial : daemon::search::finished_by_heat(board_, batch, entry, rule_)) board_.finish(trial);
  }

  RecordedSweep& sweep_;
  schema::ChoiceRule rule_;
  daemon::search::WorkBoard board_;
  std::vector<std::vector<std::vector<double>>> rounds_;  ///< by trial, the samples of each
  std::map<std::int64_t, double> best_us_;                ///< by batch, of any round
};

/// The plan of a sweep that measures its finalists after a scan.
std::vector<Candidate> plan_after_scan(RecordedSweep& sweep, const daemon::search::FinalistRule& rule) {
  std::map<std::int64_t, std::vector<TileConfig>> finalists;
  for (const std::int64_t batch : sweep.table().batches()) {
    finalists[batch] = daemon::search::finalists_of(sweep.rows_of(batch), rule, false);
  }
  auto plan = daemon::search::finalist_plan(sweep.table().defaults(), finalists);
  for (const Candidate& candidate : plan) sweep.begin_final(candidate);
  return plan;
}

/// The row that is held against the default: the fastest, but rather one that took turns with it to the end, as
/// db::prefer_rounds finds it. Precondition: there is a row.
const Measured& deciding(const std::vector<Measured>& rows, const std::optional<daemon::search::Default>& fallback) {
  const std::size_t of_default = fallback && fallback->measured ? fallback->measured->rounds_us.size() : 0;
  const std::size_t enough = daemon::search::rounds_to_decide(of_default);
  const auto rank = [&](const Measured& row) { return std::pair(row.rounds_us.size() < enough, row.latency_us); };
  return *std::ranges::min_element(rows, {}, rank);
}

std::optional<daemon::search::Default> default_of(const RecordedTable& table, std::int64_t batch,
                                                  const std::vector<Measured>& rows) {
  const auto known = table.defaults().find(batch);
  if (known == table.defaults().end()) return std::nullopt;
  daemon::search::Default fallback{.config = known->second, .measured = std::nullopt, .failed = false};
  const auto row = std::ranges::find(rows, known->second, &Measured::config);
  if (row != rows.end()) fallback.measured = *row;
  fallback.failed = table.row(batch, known->second).status != schema::TrialStatus::ok;
  return fallback;
}

}  // namespace

std::map<std::int64_t, Ending> end_in_heats(RecordedSweep& sweep, const daemon::search::FinalistRule& finalists,
                                            const schema::ChoiceRule& rule) {
  std::vector<Candidate> plan;
  if (sweep.table().has_scan()) {
    plan = plan_after_scan(sweep, finalists);
  } else {
    for (const auto& [batch, config] : sweep.table().defaults()) sweep.measure(batch, config);
    for (const auto& [candidate, samples_us] : sweep.first_rounds()) plan.push_back(candidate);
  }
  Heats heats(sweep, std::move(plan), rule);
  if (!sweep.table().has_scan()) heats.take_up(sweep.first_rounds());
  heats.run();
  std::map<std::int64_t, Ending> endings;
  for (const auto& [batch, rows] : heats.rows()) {
    const auto fallback = default_of(sweep.table(), batch, rows);
    const Measured& best = deciding(rows, fallback);
    endings[batch] = {best.config, daemon::search::choose(best, fallback, rule).config};
  }
  return endings;
}

}  // namespace moetune::bench
