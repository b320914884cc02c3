#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/search/paired_interval.hpp"
#include "schema/rounds.hpp"

namespace moetune::daemon::search {

/// How one candidate does against another.
enum class Standing {
  faster,   ///< the interval leaves "no difference" out, and the difference is the minimum gain or more
  slower,   ///< the same the other way round
  same,     ///< a difference of the minimum gain is not in the interval, or one that is there is smaller
  unclear,  ///< the interval holds "no difference" as well as one of more than the minimum gain
};
std::string_view name_of(Standing standing);

/// `speedup` is the other's time over one's own, 1.02 is 2 % faster, between `low` and `high` with the level of the
/// rounds.
struct Contest {
  Standing standing = Standing::unclear;
  double speedup = 1;
  double low = 1;
  double high = 1;
  bool in_turns = true;  ///< judged round by round; else the ends are those of the spread, and have no level
};

/// What rounds say about a pair: `own_us` and `other_us` have the time of each in every round, and what was measured in
/// the same round is compared. The ratio is judged by its logarithm, with signed_rank_interval. Rounds that only one of
/// them has are left aside. Nothing when the others are too few for the level.
std::optional<Contest> contest(std::span<const double> own_us, std::span<const double> other_us,
                               const schema::Rounds& rule);

/// The same with an error of one's own, also from few rounds: where the ranks cannot give the level, Student's interval
/// does (student_interval). Nothing for fewer than two.
std::optional<Contest> contest(std::span<const double> own_us, std::span<const double> other_us, double error,
                               double min_gain);

/// What an interval of the logarithm of the other's time over one's own says.
Contest contest_of(const Interval& log_speedup, double min_gain);

/// Whether the candidates of a batch, all with the same number of rounds, go on to another one: until `rule.least`, and
/// on to `rule.most` when any two of them are unclear then. What is in between is not looked at: each look more would
/// be another chance to be wrong.
bool needs_another_round(const std::vector<std::vector<double>>& rounds_us, const schema::Rounds& rule);

}  // namespace moetune::daemon::search
