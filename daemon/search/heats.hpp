#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "schema/choice_rule.hpp"

namespace moetune::daemon::search {

/// A configuration of a batch that has no row yet. What it has done so far is the median of each of its rounds,
/// microseconds.
struct HeatEntry {
  std::vector<double> rounds_us;
  bool stays = false;  ///< what others have to beat: the engine's default
  /// What its row would say now, the median of all its samples. The fastest by it is the one that is chosen or not, so
  /// that it is the one which has to be clear. Without it the median of the rounds stands in.
  std::optional<double> latency_us = {};
  /// What was chosen before, or is in a file: it is not out before the first look, so that rounds in turns decide.
  bool is_incumbent = false;
};

/// The entry of a candidate by the samples of each of its rounds, microseconds. Precondition: no round is empty.
HeatEntry heat_entry(std::span<const std::vector<double>> rounds, bool stays, bool is_incumbent = false);

/// What becomes of the candidates of a batch after a round.
struct HeatVerdict {
  std::vector<std::size_t> out;  ///< places of those that get their row now, ascending
  bool over = false;             ///< all of them do
};

/// The rounds after which a batch is looked at; a batch that is still unclear after the last one stays so.
inline constexpr std::size_t k_looks[] = {4, 6, 10, 20};
/// How many challengers go on to a second round.
inline constexpr std::size_t k_most_challengers = 4;

/// How many rounds a row must have had to be held against a default that had `of_default`: as many, since it is by all
/// of them that a heat was judged; a row that was out before may look faster by chance.
std::size_t rounds_to_decide(std::size_t of_default);

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
