#pragma once

#include <nlohmann/json.hpp>

#include "daemon/search/choice.hpp"
#include "db/best_query.hpp"

namespace moetune::daemon {

/// What a file gets for one batch: search::choose over what the database knows of it.
schema::Result<search::Choice> choice_for(db::Snapshot& snapshot, const db::BatchBest& row);

/// One entry of "configs" in GET /best and of "best" in GET /sweeps/{id}: {"config", "latency_us",
/// "default_latency_us", "speedup", "samples", "chosen": {"config", "latency_us", "default"}, "reason"}. Latencies are
/// microseconds; default_latency_us and speedup are null without a default of the same sweep; samples is a count.
nlohmann::ordered_json best_entry(const db::BatchBest& row, const search::Choice& choice);

}  // namespace moetune::daemon
