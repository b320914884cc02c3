#pragma once

namespace moetune::schema {

/// When a configuration counts as faster than another one.
struct ChoiceRule {
  double level = 0.99;     ///< confidence that it is faster at all
  double min_gain = 0.01;  ///< a smaller gain is none, 0.01 is 1 %: between two sessions times differ by 0.8 %

  bool operator==(const ChoiceRule&) const = default;
};

}  // namespace moetune::schema
