#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace moetune::daemon::search {

/// Where the centre of a distribution lies.
struct Interval {
  double low = 0;
  double middle = 0;
  double high = 0;
};

/// The centre of the distribution that paired differences come from: the Hodges-Lehmann estimate (the median of all
/// means of two, each with itself too) and the interval of Wilcoxon's signed-rank test around it, wrong with
/// probability `error` at most. Nothing is assumed of the distribution but that it is symmetric, as the difference of
/// two things is that are measured in turns under the same conditions. Exact for every count; repeated differences make
/// it wider than it need be. Nothing with too few differences for that error. Source: Hollander, Wolfe and Chicken,
/// Nonparametric Statistical Methods, 3rd edition, sections 3.2 and 3.3.
std::optional<Interval> signed_rank_interval(std::span<const double> differences, double error);

/// The same from so few differences that the ranks alone cannot give the level: Student's t interval around the mean,
/// which takes the differences for normally distributed; one disturbed difference makes it wide. Nothing for fewer than
/// two.
std::optional<Interval> student_interval(std::span<const double> differences, double error);

/// The t that Student's distribution with so many degrees of freedom exceeds in magnitude with probability `error`.
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4. Precondition: degrees > 0 and
/// 0 < error < 1.
double student_quantile(int degrees, double error);

/// How many of the least and of the greatest means of two lie outside the interval, plus one: the largest C with
/// P(T < C) <= error / 2 where T is the signed-rank statistic of `count` differences. 0 when there is none.
std::size_t signed_rank_rank(std::size_t count, double error);

}  // namespace moetune::daemon::search
