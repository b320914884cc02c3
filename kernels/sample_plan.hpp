#pragma once

#include <optional>
#include <span>

namespace moetune::kernels {

/// How a candidate is measured: quick is for a scan, which has many to rank; a round is one of those that a candidate
/// has in turns with others.
enum class Pace { quick, round };

/// How many samples a job takes. Quick, one is enough for a candidate that is far behind the best of its batch:
/// finalists are within 20 % of it, where there are enough of them (search::FinalistRule).
inline constexpr int k_samples_of_job = 3;
inline constexpr double k_hopeless_ratio = 1.3;

/// True when a candidate of that latency is too far behind the best for a scan to look again.
bool is_hopeless(double latency_us, std::optional<double> best_us);

/// How many times the best of its batch a single pass takes that a scan need not time at all: a launch outside a graph
/// may be slower than a replay, but not by this.
inline constexpr double k_surely_hopeless_ratio = 2;
bool is_surely_hopeless(double pass_us, std::optional<double> best_us);

/// True when `samples_us` are enough. Pure.
bool has_enough_samples(std::span<const double> samples_us, std::optional<double> best_us, Pace pace = Pace::round);

}  // namespace moetune::kernels
