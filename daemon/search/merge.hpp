#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/search/choice.hpp"

namespace moetune::daemon::search {

/// What was measured for one batch of one of the problems that share a file. All rows are of one sweep.
struct ModelRows {
  std::optional<Default> fallback;  ///< the engine's default there; nothing when it is not known
  std::vector<Measured> rows;       ///< ok rows, the default's among them when it ran
  schema::ChoiceRule rule = {};     ///< of the sweep
};

/// How the configuration of a file does for one problem. Latencies in microseconds, empty where nothing was measured.
struct ModelStanding {
  std::optional<double> latency_us;  ///< of that configuration
  std::optional<double> best_us;     ///< of the problem's own best one, in the same sweep
  std::optional<double> default_us;  ///< of the engine's default, in the same sweep
  /// latency_us / best_us: 1 where the file has the problem's own best.
  std::optional<double> regret() const;
};

/// What a file gets for one batch that several problems read.
struct MergedChoice {
  schema::TileConfig config;
  bool is_default = false;
  std::string reason;
  std::vector<ModelStanding> standings;  ///< one a problem, in the order given
  /// The largest regret; empty where a problem has none.
  std::optional<double> worst_regret() const;
};

/// The configuration of least worst regret: of those that were measured for every problem, are slower than no problem's
/// default and gain more than the spread for at least one, the one whose largest ratio to a problem's own best is the
/// least; of equals the one with the least sum of the ratios' logarithms, then the smallest. Without such a one the
/// default, when it is the same for all, with the reason. Nothing when the problems have different defaults and no
/// configuration suits them all. A default that fails on the device, or that nobody knows, is no competitor; one that
/// was not measured leaves nothing that is known to be as fast.
std::optional<MergedChoice> merged_choice(const std::vector<ModelRows>& models);

/// How one configuration does for each of the problems, in the order given.
std::vector<ModelStanding> standings_of(const std::vector<ModelRows>& models, const schema::TileConfig& config);

/// Whether it is the default of every problem, and none fails with it.
bool is_default_of_all(const std::vector<ModelRows>& models, const schema::TileConfig& config);

/// Whether a configuration besides the default of all was measured for every problem. Precondition: there is a problem.
bool have_common_row(const std::vector<ModelRows>& models);

}  // namespace moetune::daemon::search
