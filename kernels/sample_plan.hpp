#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace moetune::kernels {

/// How many samples a candidate gets: three for everybody, nine for one whose median is within 3 % of the best of its
/// batch so far, or when there is no best yet (then it is the default, which everything is compared with).
/// log_tail of a row whose candidate was measured quickly while the GPU lowered its clock: it may be faster than it
/// looks.
inline constexpr std::string_view k_clock_fell_remark = "the clock fell while this was measured";

inline constexpr int k_min_samples = 3;
inline constexpr int k_max_samples = 9;
inline constexpr double k_contender_ratio = 1.03;

/// True when a candidate of that latency gets more samples.
bool is_contender(double latency_us, std::optional<double> best_us);

/// True when `samples_us` are enough. Pure.
bool has_enough_samples(std::span<const double> samples_us, std::optional<double> best_us);

}  // namespace moetune::kernels
