#include "daemon/verdict.hpp"

#include <fmt/format.h>

#include <cmath>

#include "schema/rounds.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;

ordered_json or_null(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

/// What is known of a whole step, and what has to be said before anything is.
std::string step_text(const Verdict& verdict) {
  if (verdict.step) {
    return fmt::format("a whole step is expected to be {:.3f}x as fast, the kernel taking {:.1f} % of it",
                       *verdict.step, 100 * *verdict.share);
  }
  return "what a whole step gains is not known without the share of it that this kernel takes (moetune best "
         "--kernel-share)";
}

}  // namespace

double whole_gain(double share, double gain) {
  return 1 / (1 - share + share / gain);
}

std::optional<bool> Verdict::worth_it() const {
  const auto known = decisive();
  return known ? std::optional(*known >= 1 + schema::Rounds{}.min_gain) : std::nullopt;
}

std::string Verdict::text() const {
  if (!decisive()) return "unknown: nothing of the file was compared with the engine's default";
  std::string gains = gain ? fmt::format("{:.3f}x over {} batches (geometric mean)", *gain, compared) : "";
  if (traffic) gains += fmt::format("{}{:.3f}x under the traffic", gain ? ", " : "", *traffic);
  const double least_percent = 100 * schema::Rounds{}.min_gain;
  std::string text = *worth_it() ? fmt::format("worth it: {}", gains)
                                 : fmt::format("not worth it: under {:.0f} % ({})", least_percent, gains);
  if (compared < batches) text += fmt::format("; {} of {} batches could not be compared", batches - compared, batches);
  return text + "; " + step_text(*this);
}

Verdict verdict_on(std::span<const KeyTimes> batches, const std::optional<TrafficGain>& traffic,
                   std::optional<double> share) {
  Verdict verdict;
  verdict.batches = batches.size();
  double logarithms = 0;
  for (const KeyTimes& batch : batches) {
    if (!batch.default_us || !batch.chosen_us) continue;
    ++verdict.compared;
    logarithms += std::log(*batch.default_us / *batch.chosen_us);
  }
  if (verdict.compared > 0) verdict.gain = std::exp(logarithms / static_cast<double>(verdict.compared));
  if (traffic) verdict.traffic = traffic->gain;
  verdict.share = share;
  if (share && verdict.decisive()) verdict.step = whole_gain(*share, *verdict.decisive());
  return verdict;
}

ordered_json to_json(const Verdict& verdict) {
  const auto worth = verdict.worth_it();
  return {{"batches", verdict.batches},
          {"compared", verdict.compared},
          {"gain", or_null(verdict.gain)},
          {"traffic_gain", or_null(verdict.traffic)},
          {"worth_it", worth ? ordered_json(*worth) : ordered_json(nullptr)},
          {"kernel_share", or_null(verdict.share)},
          {"step_gain", or_null(verdict.step)},
          {"text", verdict.text()}};
}

}  // namespace moetune::daemon
