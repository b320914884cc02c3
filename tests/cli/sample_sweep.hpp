#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace moetune::cli {

/// What GET /sweeps/3 might answer: 18 batches wide, `done` of 5760 trials, a best for the first `bests` batches.
nlohmann::ordered_json sample_sweep(const std::string& state, std::int64_t done, int bests);

/// What GET /best answers for the three batches of such a sweep.
nlohmann::ordered_json best_answer();

}  // namespace moetune::cli
