#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "daemon/search/merge.hpp"

namespace moetune::daemon {

/// How a file does at one measured M, against the engine's default there.
enum class PointStanding {
  is_default,     ///< the file runs the default itself
  faster,         ///< the whole interval says so, or without one by more than the spread
  same,           ///< neither is faster beyond noise
  slower,         ///< search::slower_beyond_noise
  not_measured,   ///< what the file runs there was not measured there, or was not compared with the default
  default_fails,  ///< the default does not run there
  no_default,     ///< nobody knows the default
};
/// "default", "faster", "same", "slower", "not measured", "default fails", "no default".
std::string_view name_of(PointStanding standing);

/// Time with the file over time with the default, by the rounds that both had in turns.
struct RatioInterval {
  double middle = 1;
  double low = 1;
  double high = 1;
};

/// What a file does at one measured M for one problem.
struct FilePoint {
  std::int64_t batch = 0;
  std::int64_t key = 0;       ///< the key that the engine takes there
  bool asked = true;          ///< somebody asked for this batch; else it was measured between such batches
  schema::TileConfig config;  ///< what that key runs
  PointStanding standing = PointStanding::not_measured;
  std::optional<double> latency_us;       ///< of that configuration at this M
  std::optional<double> default_us;       ///< of the default, in the same sweep
  double spread_us = 0;                   ///< the wider interquartile range of the two
  std::optional<RatioInterval> interval;  ///< where the two took turns

  /// Time with the file over time with the default: 1 where they are the same configuration, the interval's middle
  /// where there is one.
  std::optional<double> ratio() const;
  /// The spread as a share of the default's time.
  std::optional<double> spread() const;
};

/// What running `config` does at a batch with these rows. Sets neither key nor asked.
FilePoint file_point(std::int64_t batch, const search::ModelRows& rows, const schema::TileConfig& config);

}  // namespace moetune::daemon
