#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "db/sweep_store.hpp"

namespace moetune::daemon {

/// Who asks for a sweep: GET /sweeps, or GET /sweeps/{id}, which alone tells the files and problems that seeded it,
/// and what its GPUs were like.
enum class ViewOf { list, one };

/// The object that they answer. `eta_s` is known while the sweep runs.
schema::Result<nlohmann::ordered_json> sweep_view(db::Snapshot& snapshot, const db::Sweep& sweep,
                                                  std::optional<double> eta_s, ViewOf what = ViewOf::one);

/// The data of a "state" event: {"id", "state", "error"}.
nlohmann::ordered_json state_view(const db::Sweep& sweep);

}  // namespace moetune::daemon
