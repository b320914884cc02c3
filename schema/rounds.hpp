#pragma once

#include <nlohmann/json.hpp>

#include "schema/error.hpp"

namespace moetune::schema {

/// How candidates are measured that are to be compared with each other: the candidates of a batch take turns, one round
/// each, so that whatever drifts meets all alike. Differences are judged after `least` rounds and, while any is
/// unclear, once more after `most`; the two looks share the error 1 - level.
struct Rounds {
  int least = 10;
  int most = 20;
  double level = 0.99;     ///< confidence of the intervals, for each pair of candidates
  double min_gain = 0.01;  ///< a smaller difference is none: 0.01 is 1 %

  bool operator==(const Rounds&) const = default;
};

inline constexpr int k_max_rounds = 200;

/// The error that the interval of one look may have: all of 1 - level, or half of it where there may be two looks.
double error_of_look(const Rounds& rounds);

nlohmann::ordered_json to_json(const Rounds& rounds);

/// Strict; every field may be left out. Errors: invalid_argument naming the field, also where so few rounds cannot give
/// the level asked for: the widest interval of n rounds is wrong with probability 2^(1-n).
Result<Rounds> rounds_from_json(const nlohmann::json& value);

}  // namespace moetune::schema
