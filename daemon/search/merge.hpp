#pragma once

#include <optional>
#include <vector>

#include "daemon/search/choice.hpp"

namespace moetune::daemon::search {

/// What was measured for one batch of one of the models that share a file. All rows are of one sweep.
struct ModelRows {
  Default fallback;            ///< the engine's default there
  std::vector<Measured> rows;  ///< ok rows, the default's among them when it ran
};

/// The configuration for a batch of a file that several models read: no model may get slower than with its default, and
/// at least one has to gain more than the spread; of those, the one whose worst ratio to the models' defaults is the
/// least. Without such a one the default, when it is the same for all. Nothing when the models have different defaults
/// and no configuration suits them all. A default that fails on the device is no competitor: then every row of that
/// model suits it.
std::optional<schema::TileConfig> merged_choice(const std::vector<ModelRows>& models);

}  // namespace moetune::daemon::search
