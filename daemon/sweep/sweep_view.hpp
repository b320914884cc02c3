#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "db/sweep_store.hpp"

namespace moetune::daemon {

/// The object that GET /sweeps and GET /sweeps/{id} answer. `eta_s` is known while the sweep runs.
schema::Result<nlohmann::ordered_json> sweep_view(db::Snapshot& snapshot, const db::Sweep& sweep,
                                                  std::optional<double> eta_s);

/// The data of a "state" event: {"id", "state", "error"}.
nlohmann::ordered_json state_view(const db::Sweep& sweep);

}  // namespace moetune::daemon
