#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schema/tile_config.hpp"

namespace moetune::daemon::search {

/// A configuration with what was measured of it.
struct Measured {
  schema::TileConfig config;
  double latency_us = 0;
  std::vector<double> samples_us;
};

/// What is known of the engine's default in the sweep that the best row comes from.
struct Default {
  schema::TileConfig config;
  std::optional<Measured> measured;  ///< empty when it was not measured or failed
  bool failed = false;               ///< it was tried and cannot run
};

/// What a file gets for one batch, and why.
struct Choice {
  schema::TileConfig config;
  std::optional<double> latency_us;  ///< empty when the choice was never measured
  bool is_default = false;
  std::string reason;
};

/// The spread of a row in microseconds: the interquartile range of its samples, which one disturbed sample does not
/// blow up; 0 with fewer than two samples.
double spread_us(const Measured& row);

/// The best row if it beats the default by more than the larger of both spreads, else the default. A default that was
/// not measured in the same sweep is chosen all the same, since a file must not get slower by chance; one that cannot
/// run, or that nobody knows (no `fallback`), leaves the best row.
Choice choose(const Measured& best, const std::optional<Default>& fallback);

}  // namespace moetune::daemon::search
