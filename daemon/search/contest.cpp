#include "daemon/search/contest.hpp"

#include <algorithm>
#include <cmath>

namespace moetune::daemon::search {
namespace {

Standing standing_of(const Interval& log_speedup, double min_gain) {
  const double threshold = std::log1p(min_gain);
  const bool differs = log_speedup.low > 0 || log_speedup.high < 0;
  if (!differs) {
    const bool is_wide = log_speedup.high > threshold || log_speedup.low < -threshold;
    return is_wide ? Standing::unclear : Standing::same;
  }
  if (std::abs(log_speedup.middle) < threshold) return Standing::same;
  return log_speedup.middle > 0 ? Standing::faster : Standing::slower;
}

/// By round, as far as both have it.
std::vector<double> log_speedups(std::span<const double> own_us, std::span<const double> other_us) {
  std::vector<double> logs;
  const std::size_t rounds = std::min(own_us.size(), other_us.size());
  for (std::size_t i = 0; i < rounds; ++i) logs.push_back(std::log(other_us[i] / own_us[i]));
  return logs;
}

}  // namespace

std::string_view name_of(Standing standing) {
  switch (standing) {
    case Standing::faster:
      return "faster";
    case Standing::slower:
      return "slower";
    case Standing::same:
      return "same";
    case Standing::unclear:
      break;
  }
  return "unclear";
}

Contest contest_of(const Interval& log_speedup, double min_gain) {
  return {.standing = standing_of(log_speedup, min_gain),
          .speedup = std::exp(log_speedup.middle),
          .low = std::exp(log_speedup.low),
          .high = std::exp(log_speedup.high),
          .in_turns = true};
}

std::optional<Contest> contest(std::span<const double> own_us, std::span<const double> other_us,
                               const schema::Rounds& rule) {
  const auto interval = signed_rank_interval(log_speedups(own_us, other_us), schema::error_of_look(rule));
  return interval ? std::optional(contest_of(*interval, rule.min_gain)) : std::nullopt;
}

std::optional<Contest> contest(std::span<const double> own_us, std::span<const double> other_us, double error,
                               double min_gain) {
  const auto logs = log_speedups(own_us, other_us);
  auto interval = signed_rank_interval(logs, error);
  if (!interval) interval = student_interval(logs, error);
  return interval ? std::optional(contest_of(*interval, min_gain)) : std::nullopt;
}

bool needs_another_round(const std::vector<std::vector<double>>& rounds_us, const schema::Rounds& rule) {
  if (rounds_us.empty()) return false;
  const auto rounds = static_cast<int>(rounds_us.front().size());
  if (rounds != rule.least) return rounds < rule.most;
  if (rounds >= rule.most) return false;
  for (std::size_t i = 0; i < rounds_us.size(); ++i) {
    for (std::size_t j = i + 1; j < rounds_us.size(); ++j) {
      const auto pair = contest(rounds_us[i], rounds_us[j], rule);
      if (!pair || pair->standing == Standing::unclear) return true;
    }
  }
  return false;
}

}  // namespace moetune::daemon::search
