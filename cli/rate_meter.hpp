#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace moetune::cli {

/// Trials per second over the last half minute, from counts that arrive irregularly. Not thread-safe.
class RateMeter {
 public:
  using Clock = std::chrono::steady_clock;
  void add(Clock::time_point now, std::int64_t done);
  /// Nothing before there is a second to go by.
  std::optional<double> per_second(Clock::time_point now) const;

 private:
  std::deque<std::pair<Clock::time_point, std::int64_t>> counts_;
};

}  // namespace moetune::cli
