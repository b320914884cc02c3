#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace moetune::kernels {

using SteadyTime = std::chrono::steady_clock::time_point;
using std::chrono::microseconds;

/// Keeps heavy work from heating the clock down. Busy time fills a bucket that drains as fast as time goes by, so
/// that kept-up work is busy at most half of the time; a burst that fits into the bucket needs no rest. Heavy kernels
/// hold their clock for about 35 ms on the H200: the bucket is well below that. Four times the rest made no time
/// shorter there (medians of 42 heavy candidates within 0.1 %). Pure, time is passed in.
class HeatBudget {
 public:
  /// How long to rest before work that is expected to take `cost`.
  microseconds rest_before(microseconds cost, SteadyTime now);
  void worked(microseconds busy, SteadyTime now);

  static constexpr microseconds k_burst{15'000};
  static constexpr microseconds k_most{60'000};  ///< what is remembered of a long stretch of work
  static constexpr int k_rest_ratio = 1;         ///< rest per busy time

 private:
  void cool(SteadyTime now);
  microseconds heat_{0};
  SteadyTime seen_{};
};

/// The least share of busy time that counts as heat.
inline constexpr double k_least_heat = 1.0 / 3;

/// How much of its busy time counts as heat for a candidate that takes `us` where the best of its batch takes
/// `best_us`: both do the same operations, and it is operations that heat. Between a third and all of it. On the H200 a
/// tile four times slower than the best keeps its clock under continuous work.
double heat_share(double us, std::optional<double> best_us);

/// Judges readings of the clock against the highest seen. Pure.
class ClockNorm {
 public:
  void see(std::int64_t mhz);
  /// True when `mhz` lies more than 3 % below the norm.
  bool is_low(std::int64_t mhz) const;
  /// Resting did not help: `mhz` is what this GPU runs at now (locked, thermally limited), measurements go on with it.
  void accept(std::int64_t mhz) { norm_mhz_ = mhz; }
  std::int64_t norm_mhz() const { return norm_mhz_; }

 private:
  std::int64_t norm_mhz_ = 0;
};

}  // namespace moetune::kernels
