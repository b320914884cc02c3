#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "schema/problem.hpp"
#include "schema/trial.hpp"

namespace moetune::e2e {

/// A problem, space and recording small enough for a test: 2 batches x 12 tiles x 2 group sizes, kernel `cuda`, sm_90.
schema::Problem small_problem();
nlohmann::json small_space();
std::vector<std::int64_t> small_batches();

/// Trial rows of the small problem; latencies follow a made-up formula with one clear winner. `change` may alter each
/// row.
std::string small_recording(const std::function<void(schema::Trial&)>& change = {});
std::size_t small_trials();  ///< rows in it
std::size_t small_tiles();   ///< kernels that they need

/// The body of POST /sweeps for it.
nlohmann::json small_sweep(const std::string& recording, bool compile);

}  // namespace moetune::e2e
