#include "daemon/best_view.hpp"

#include "db/trial_listing.hpp"

namespace moetune::daemon {
namespace {

search::Measured measured(const db::MeasuredRow& row) {
  return {row.config, row.latency_us, row.samples_us};
}

/// Whether the default was tried in the sweep of the best row. It has no ok row there, so a row means that it failed.
schema::Result<bool> default_failed(db::Snapshot& snapshot, const db::BatchBest& row) {
  if (!row.sweep) return false;
  db::TrialFilter filter;
  filter.batch = row.batch;
  filter.sweep_label = row.sweep;
  filter.config = row.default_config;
  filter.include_discarded = true;
  const auto trials = db::list_trials(snapshot, filter, std::nullopt, 1);
  if (!trials) return std::unexpected(trials.error());
  return !trials->empty();
}

}  // namespace

schema::Result<search::Choice> choice_for(db::Snapshot& snapshot, const db::BatchBest& row) {
  std::optional<search::Default> fallback;
  if (row.default_config) {
    fallback = search::Default{*row.default_config, std::nullopt, false};
    if (row.default_row) {
      fallback->measured = measured(*row.default_row);
    } else {
      const auto failed = default_failed(snapshot, row);
      if (!failed) return std::unexpected(failed.error());
      fallback->failed = *failed;
    }
  }
  return search::choose(measured(row.best), fallback);
}

nlohmann::ordered_json best_entry(const db::BatchBest& row, const search::Choice& choice) {
  nlohmann::ordered_json entry;
  entry["config"] = schema::to_json(row.best.config);
  entry["latency_us"] = row.best.latency_us;
  entry["default_latency_us"] = nullptr;
  entry["speedup"] = nullptr;
  if (row.default_row) {
    entry["default_latency_us"] = row.default_row->latency_us;
    entry["speedup"] = row.default_row->latency_us / row.best.latency_us;
  }
  entry["samples"] = row.best.samples_us.size();
  nlohmann::ordered_json chosen;
  chosen["config"] = schema::to_json(choice.config);
  chosen["latency_us"] = nullptr;
  if (choice.latency_us) chosen["latency_us"] = *choice.latency_us;
  chosen["default"] = choice.is_default;
  entry["chosen"] = std::move(chosen);
  entry["reason"] = choice.reason;
  return entry;
}

}  // namespace moetune::daemon
