#include "schema/rounds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "schema/strict_json.hpp"

namespace moetune::schema {

double error_of_look(const Rounds& rounds) {
  const double error = 1 - rounds.level;
  return rounds.most > rounds.least ? error / 2 : error;
}

nlohmann::ordered_json to_json(const Rounds& rounds) {
  return {{"least", rounds.least}, {"most", rounds.most}, {"level", rounds.level}, {"min_gain", rounds.min_gain}};
}

Result<Rounds> rounds_from_json(const nlohmann::json& value) {
  ObjectReader reader(value, "sweep.rounds");
  reader.refuse_null({"least", "most", "level", "min_gain"});
  Rounds rounds;
  rounds.least = static_cast<int>(reader.optional_integer("least", 2, k_max_rounds).value_or(rounds.least));
  const int usual = std::max(rounds.most, rounds.least);
  rounds.most = static_cast<int>(reader.optional_integer("most", rounds.least, k_max_rounds).value_or(usual));
  rounds.level = reader.optional_number("level", 0.5, 0.9999).value_or(rounds.level);
  rounds.min_gain = reader.optional_number("min_gain", 0, 1).value_or(rounds.min_gain);
  const auto needed = static_cast<int>(std::ceil(1 - std::log2(error_of_look(rounds))));
  if (rounds.least < needed) {
    reader.reject("least", fmt::format("must be at least {} for level {}, not {}", needed, rounds.level, rounds.least));
  }
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return rounds;
}

}  // namespace moetune::schema
