#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "schema/choice_rule.hpp"

namespace moetune::daemon::search {

/// A configuration of a batch that has no row yet. What it has done so far is the median of each of its rounds,
/// microseconds.
struct HeatEntry {
  std::vector<double> rounds_us;
  bool stays = false;  ///< what others have to beat: the engine's default
};

/// What becomes of the candidates of a batch after a round.
struct HeatVerdict {
  std::vector<std::size_t> out;  ///< places of those that get their row now, ascending
  bool over = false;             ///< all of them do
};

/// The rounds after which a batch is looked at; a batch that is still unclear after the last one stays so.
inline constexpr std::size_t k_looks[] = {4, 6, 10, 20};
/// How many challengers go on to a second round.
inline constexpr std::size_t k_most_challengers = 4;

/// The error of one look at one challenger: the looks, and the challengers of which the luckiest is judged, share what
/// the level leaves.
double error_of_look(const schema::ChoiceRule& rule);

/// Whether a candidate that took `us` in its first round is too far behind the fastest of its batch so far to get
/// another one. One round repeats within a few tenths of a percent.
bool is_out_of_heat(double us, double best_us);

/// Judges a batch whose `entries` have all had the same number of rounds, at least one: successive halving against the
/// fastest, then rounds until the intervals say whether the fastest beats everything that stays, by the minimum gain or
/// not. Precondition: there is an entry.
HeatVerdict judge_heat(std::span<const HeatEntry> entries, const schema::ChoiceRule& rule);

}  // namespace moetune::daemon::search
