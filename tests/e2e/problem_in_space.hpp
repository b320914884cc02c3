#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "schema/problem.hpp"
#include "schema/trial.hpp"

namespace moetune::e2e {

/// A problem with the space and the batches that a test tunes it in, kernel `cuda`, sm_90.
struct ProblemInSpace {
  schema::Problem problem;
  nlohmann::json space;
  std::vector<std::int64_t> batches;

  /// Trial rows of all of it; latencies follow a made-up formula with one clear winner. `change` may alter each row.
  std::string recording(const std::function<void(schema::Trial&)>& change = {}) const;
  std::size_t trials() const;  ///< rows in it
  std::size_t tiles() const;   ///< kernels that they need

  /// The body of POST /sweeps for all of it, on an uploaded recording.
  nlohmann::json sweep(const std::string& upload, bool compile) const;
};

/// Small enough for a test: 2 batches x 12 tiles x 2 group sizes.
ProblemInSpace small_problem();
/// As many trials from half the kernels, for a test that compiles them again and again: 2 batches x 6 tiles x 4 groups.
ProblemInSpace six_tiles();

}  // namespace moetune::e2e
