#include "daemon/search/paired_interval.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

namespace moetune::daemon::search {
namespace {

/// P(T = t) of the signed-rank statistic: the sum of those of the ranks 1 to `count` that a fair coin picks.
std::vector<double> signed_rank_distribution(std::size_t count) {
  std::vector<double> probability(count * (count + 1) / 2 + 1, 0);
  probability[0] = 1;
  std::size_t top = 0;
  for (std::size_t rank = 1; rank <= count; ++rank) {
    top += rank;
    for (std::size_t sum = top + 1; sum-- > 0;) {
      const double without = probability[sum];
      const double with = sum >= rank ? probability[sum - rank] : 0;
      probability[sum] = (without + with) / 2;
    }
  }
  return probability;
}

/// The means of every two differences, each with itself too, ascending.
std::vector<double> walsh_averages(std::span<const double> differences) {
  std::vector<double> means;
  means.reserve(differences.size() * (differences.size() + 1) / 2);
  for (std::size_t i = 0; i < differences.size(); ++i) {
    for (std::size_t j = i; j < differences.size(); ++j) means.push_back((differences[i] + differences[j]) / 2);
  }
  std::ranges::sort(means);
  return means;
}

/// P(|T| <= t) for Student's distribution.
double student_within(double t, int degrees) {
  const double angle = std::atan(t / std::sqrt(degrees));
  const double square = std::cos(angle) * std::cos(angle);
  const bool odd = degrees % 2 == 1;
  double term = odd ? std::cos(angle) : 1;
  double sum = degrees == 1 ? 0 : term;
  for (int i = odd ? 3 : 2; i < degrees; i += 2) {
    term *= square * (i - 1) / i;
    sum += term;
  }
  const double even_part = std::sin(angle) * sum;
  return odd ? 2 / std::numbers::pi * (angle + even_part) : even_part;
}

}  // namespace

double student_quantile(int degrees, double error) {
  double low = 0;
  double high = 1;
  while (student_within(high, degrees) < 1 - error) high *= 2;
  constexpr int k_halvings = 60;  // more than the digits of a double
  for (int i = 0; i < k_halvings; ++i) {
    const double middle = (low + high) / 2;
    (student_within(middle, degrees) < 1 - error ? low : high) = middle;
  }
  return high;
}

std::optional<Interval> student_interval(std::span<const double> differences, double error) {
  if (differences.size() < 2) return std::nullopt;
  const auto count = static_cast<double>(differences.size());
  const double mean = std::reduce(differences.begin(), differences.end()) / count;
  double squares = 0;
  for (const double difference : differences) squares += (difference - mean) * (difference - mean);
  const double error_of_mean = std::sqrt(squares / (count - 1) / count);
  const double reach = student_quantile(static_cast<int>(differences.size()) - 1, error) * error_of_mean;
  return Interval{.low = mean - reach, .middle = mean, .high = mean + reach};
}

std::size_t signed_rank_rank(std::size_t count, double error) {
  if (count == 0) return 0;
  const auto probability = signed_rank_distribution(count);
  double below = 0;
  for (std::size_t rank = 0; rank < probability.size(); ++rank) {
    below += probability[rank];
    if (below > error / 2) return rank;
  }
  return probability.size();
}

std::optional<Interval> signed_rank_interval(std::span<const double> differences, double error) {
  const std::size_t rank = signed_rank_rank(differences.size(), error);
  if (rank == 0) return std::nullopt;
  const auto means = walsh_averages(differences);
  const std::size_t half = means.size() / 2;
  const double middle = means.size() % 2 == 1 ? means[half] : (means[half - 1] + means[half]) / 2;
  // With an error near 1 the ends would cross.
  const std::size_t end = std::min(rank - 1, (means.size() - 1) / 2);
  return Interval{.low = means[end], .middle = middle, .high = means[means.size() - 1 - end]};
}

}  // namespace moetune::daemon::search
