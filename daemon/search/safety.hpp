#pragma once

#include "daemon/search/choice.hpp"

namespace moetune::daemon::search {

/// What two sessions differ by when nothing has changed: a row that is slower by more is not taken for as fast, however
/// wide its samples are spread.
inline constexpr double k_session_noise = 0.01;

/// What the same configuration at two positions of a round differs by: a loss up to this share is not taken for one,
/// however often it repeats.
inline constexpr double k_turn_noise = 0.003;

/// A loss over this share by the middle of the rounds is not taken for safe, though the interval may hold "no
/// difference": few rounds make it wide, and half of a percent leaves room to the one that a file must not lose.
inline constexpr double k_unsure_loss = 0.005;

/// Whether a row is slower than the default of its sweep by more than noise. Where both took turns (compare): by more
/// than k_turn_noise when the whole interval says that it is slower, or by more than k_unsure_loss by its middle.
/// Else by more than the larger of both spreads, or by more than k_session_noise.
bool slower_beyond_noise(const Measured& row, const Measured& standard, const schema::ChoiceRule& rule = {});

}  // namespace moetune::daemon::search
