#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/search/contest.hpp"
#include "schema/choice_rule.hpp"
#include "schema/tile_config.hpp"

namespace moetune::daemon::search {

/// A configuration with what was measured of it.
struct Measured {
  schema::TileConfig config;
  double latency_us = 0;
  std::vector<double> samples_us;
  std::vector<double> rounds_us = {};  ///< the medians of its rounds, where it took turns with others
  std::string turns_of = {};           ///< whose turns, if not its own sweep's: only rounds of one sweep go together
};

/// What is known of the engine's default in the sweep that the best row comes from.
struct Default {
  schema::TileConfig config;
  std::optional<Measured> measured;  ///< empty when it was not measured or failed
  bool failed = false;               ///< it was tried and cannot run
  std::string failure = {};          ///< what happened, where it ran for a while: "launch_error after 6 rounds"
};

/// What a file gets for one batch, and why.
struct Choice {
  schema::TileConfig config;
  std::optional<double> latency_us;  ///< empty when the choice was never measured
  bool is_default = false;
  std::string reason;
};

/// The spread of a row in microseconds: the interquartile range of its samples, which one disturbed sample does not
/// blow up; 0 with fewer than two samples.
double spread_us(const Measured& row);

/// How a row does against another one of its sweep: by the rounds that both had in turns, where these are k_looks[0] or
/// more (contest); else by their medians, of which a difference within the larger spread says nothing.
Contest compare(const Measured& own, const Measured& other, const schema::ChoiceRule& rule);

/// What is chosen where something was chosen before, the `incumbent`, and measured again in the same sweep: it stays as
/// long as the sweep's own choice is not faster than it by the rule, nor the default. So a file that is in use changes
/// for a gain, and not for noise.
Choice choose_again(const Measured& best, const std::optional<Default>& fallback, const Measured& incumbent,
                    const schema::ChoiceRule& rule = {});

/// The best row if it is faster than the default by the rule, else the default. A default that was not measured in the
/// same sweep is chosen all the same, since a file must not get slower by chance; one that cannot run, or that nobody
/// knows (no `fallback`), leaves the best row.
Choice choose(const Measured& best, const std::optional<Default>& fallback, const schema::ChoiceRule& rule = {});

}  // namespace moetune::daemon::search
