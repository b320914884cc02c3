#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "daemon/search/choice.hpp"
#include "db/best_query.hpp"

namespace moetune::daemon {

search::Measured measured(const db::MeasuredRow& row);

/// What is known of the default that a row was measured beside; the row has a default_config.
search::Default default_of(const db::BatchBest& row);

/// Puts the fastest of the rows that were held against the default to the end, on its GPU, in the place of the run's
/// best, where that was not (search::rounds_to_decide, db::move_to_gpu_of_default, db::prefer_rounds).
schema::Result<void> prefer_judged(db::Snapshot& snapshot, db::BatchBest& run);

/// What a file gets for one batch: search::choose over what the database knows of it.
search::Choice choice_for(const db::BatchBest& row);

/// One entry of "configs" in GET /best and of "best" in GET /sweeps/{id}: {"config", "latency_us",
/// "default_latency_us", "speedup", "samples", "sweep", "chosen": {"config", "latency_us", "default", "sweep"},
/// "reason"}. Latencies are microseconds; default_latency_us and speedup are null without a default of the same sweep;
/// samples is a count; "sweep" is the label of the one that the row is of, and of the one that decides (`decided_by`),
/// null for rows that were imported without one.
nlohmann::ordered_json best_entry(const db::BatchBest& row, const search::Choice& choice,
                                  const std::optional<std::string>& decided_by);

}  // namespace moetune::daemon
