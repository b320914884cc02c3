#include "daemon/search/choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "daemon/search/heats.hpp"
#include "daemon/search/safety.hpp"
#include "schema/trial.hpp"

namespace moetune::daemon::search {
namespace {

constexpr double k_least_speedup = 1e-3;  // a spread may be larger than the time itself

std::string gain_text(const Contest& result) {
  const auto percent = [](double speedup) { return 100 * (1 - 1 / speedup); };
  return fmt::format("{:.2f} % ({:.2f} to {:.2f} %{})", percent(result.speedup), percent(result.low),
                     percent(result.high), result.in_turns ? "" : " by the spread");
}

}  // namespace

double spread_us(const Measured& row) {
  return schema::interquartile_range(row.samples_us);
}

Contest compare(const Measured& own, const Measured& other, const schema::ChoiceRule& rule) {
  const bool in_turns = own.turns_of == other.turns_of;
  if (in_turns && std::min(own.rounds_us.size(), other.rounds_us.size()) >= k_looks[0]) {
    if (const auto pair = contest(own.rounds_us, other.rounds_us, error_of_look(rule), rule.min_gain)) return *pair;
  }
  const double spread = std::max(spread_us(own), spread_us(other)) / own.latency_us;
  const double speedup = other.latency_us / own.latency_us;
  const double low = std::max(speedup - spread, k_least_speedup);
  Contest result = contest_of({std::log(low), std::log(speedup), std::log(speedup + spread)}, rule.min_gain);
  result.in_turns = false;
  return result;
}

Choice choose(const Measured& best, const std::optional<Default>& fallback, const schema::ChoiceRule& rule) {
  if (!fallback) {
    return {best.config, best.latency_us, false, "best measured; the engine's default is not known for these rows"};
  }
  if (fallback->failed) {
    return {best.config, best.latency_us, false,
            fallback->failure.empty() ? "best measured; the engine's default does not run on this device"
                                      : "best measured; the engine's default ended with " + fallback->failure};
  }
  if (!fallback->measured) {
    return {fallback->config, std::nullopt, true,
            "default kept: it was not measured in the same sweep as the best row"};
  }
  const Measured& standard = *fallback->measured;
  if (best.config == standard.config) return {best.config, best.latency_us, true, "the default is the best"};
  const Contest result = compare(best, standard, rule);
  const std::string gain = gain_text(result);
  if (result.standing == Standing::faster) {
    return {best.config, best.latency_us, false, fmt::format("{} faster than the default", gain)};
  }
  const std::string why = result.low > 1 && result.standing == Standing::same
                              ? fmt::format(", less than {:.3g} %", 100 * rule.min_gain)
                              : ", which may be noise";
  return {standard.config, standard.latency_us, true, fmt::format("default kept: best is {} faster{}", gain, why)};
}

Choice choose_again(const Measured& best, const std::optional<Default>& fallback, const Measured& incumbent,
                    const schema::ChoiceRule& rule) {
  Choice fresh = choose(best, fallback, rule);
  const bool was_default = fallback && fallback->config == incumbent.config;
  if (was_default || fresh.config == incumbent.config || !fresh.latency_us) return fresh;
  const auto& standard = fallback ? fallback->measured : std::nullopt;
  if (standard && slower_beyond_noise(incumbent, *standard, rule)) return fresh;
  const Contest result = compare(fresh.is_default ? *standard : best, incumbent, rule);
  if (result.standing == Standing::faster) return fresh;
  return {incumbent.config, incumbent.latency_us, false,
          fmt::format("kept, chosen before: now {} is {} faster, which is no reason to change",
                      fresh.is_default ? "the default" : "another one", gain_text(result))};
}

}  // namespace moetune::daemon::search
