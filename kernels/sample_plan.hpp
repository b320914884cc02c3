#pragma once

#include <optional>
#include <span>

namespace moetune::kernels {

/// How a candidate is measured: quick is for a scan, which has many to rank; a round is one of many of a candidate that
/// takes turns with others.
enum class Pace { thorough, quick, round };

/// How many samples a candidate gets: three for everybody, nine for one whose median is within 3 % of the best of its
/// batch so far, or when there is no best yet (then it is the default, which everything is compared with). Quick and in
/// a round nobody gets more than three; quick, one is enough for a candidate that is far behind the best: finalists are
/// within 20 % of it, where there are enough of them (search::FinalistRule).
inline constexpr int k_min_samples = 3;
inline constexpr int k_max_samples = 9;
inline constexpr double k_contender_ratio = 1.03;
inline constexpr double k_hopeless_ratio = 1.3;

/// True when a candidate of that latency gets more samples.
bool is_contender(double latency_us, std::optional<double> best_us);

/// True when a candidate of that latency is too far behind the best for a scan to look again.
bool is_hopeless(double latency_us, std::optional<double> best_us);

/// True when `samples_us` are enough. Pure.
bool has_enough_samples(std::span<const double> samples_us, std::optional<double> best_us, Pace pace = Pace::thorough);

}  // namespace moetune::kernels
