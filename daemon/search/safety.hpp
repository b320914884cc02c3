#pragma once

#include "daemon/search/choice.hpp"

namespace moetune::daemon::search {

/// What two sessions differ by when nothing has changed: a row that is slower by more is not taken for as fast, however
/// wide its samples are spread.
inline constexpr double k_session_noise = 0.01;

/// Whether a row is slower than the default of its sweep by more than noise: by more than the larger of both spreads,
/// or by more than k_session_noise.
bool slower_beyond_noise(const Measured& row, const Measured& standard);

}  // namespace moetune::daemon::search
