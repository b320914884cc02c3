#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace moetune::daemon::search {

/// What is left of a sweep and how fast it has gone since the daemon took it up.
struct Remaining {
  std::map<std::int64_t, std::size_t> trials = {};        ///< per batch, still to measure
  std::map<std::int64_t, double> seconds_per_trial = {};  ///< per batch, mean so far; batches without one take the mean
  std::size_t measure_workers = 1;
  std::size_t compiles = 0;                        ///< still to compile
  std::optional<double> seconds_per_compile = {};  ///< mean of one compiler run; empty before the first
  std::size_t compile_slots = 1;
};

/// Seconds until the sweep ends, or nothing before there is a measurement to go by. Compiling and measuring overlap, so
/// the longer of the two decides.
std::optional<double> eta_seconds(const Remaining& remaining);

}  // namespace moetune::daemon::search
