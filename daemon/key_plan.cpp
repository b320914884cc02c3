#include "daemon/key_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/search/key_cover.hpp"
#include "daemon/traffic_gain.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon {
namespace {

using schema::TileConfig;
using search::CoverKey;
using search::CoverOption;
using search::CoverPoint;
using Candidates = std::map<std::int64_t, KeyCandidate>;

KeyTimes times_of(std::int64_t batch, const KeyCandidate& candidate) {
  KeyTimes times{.batch = batch, .best_us = 0, .default_us = {}, .chosen_us = {}};
  const auto& rows = candidate.rows.rows;
  if (!rows.empty()) times.best_us = std::ranges::min(rows, {}, &search::Measured::latency_us).latency_us;
  const auto& fallback = candidate.rows.fallback;
  if (fallback && fallback->measured) times.default_us = fallback->measured->latency_us;
  return times;
}

std::vector<CoverPoint> points_of(const Candidates& candidates) {
  std::vector<CoverPoint> points;
  for (const auto& [batch, candidate] : candidates) {
    points.push_back(search::cover_point(batch, candidate.rows, candidate.choice));
    points.back().asked = candidate.asked;
  }
  return points;
}

void weigh(std::vector<CoverPoint>& points, const Candidates& candidates, const schema::Traffic& traffic) {
  constexpr double k_even_share = 0.01;
  std::vector<KeyTimes> times;
  for (const auto& [batch, candidate] : candidates) times.push_back(times_of(batch, candidate));
  const auto spent = time_by_key(traffic, times);
  double all = 0;
  for (const auto& [batch, time] : spent) all += time;
  if (all <= 0) return;
  for (CoverPoint& point : points) {
    const auto found = spent.find(point.batch);
    const double share = found == spent.end() ? 0 : found->second / all;
    point.weight = share + k_even_share / static_cast<double>(points.size());
  }
}

const CoverOption* option_of(const CoverPoint& point, const TileConfig& config) {
  const auto found = std::ranges::find(point.options, config, &CoverOption::config);
  return found == point.options.end() ? nullptr : &*found;
}

/// Puts into words what was decided.
class Reasons {
 public:
  Reasons(const std::vector<CoverPoint>& points, const std::vector<CoverKey>& keys, const Candidates& candidates)
      : points_(points), candidates_(candidates) {
    std::vector<std::int64_t> batches;
    for (const CoverKey& key : keys) batches.push_back(key.batch);
    for (const CoverPoint& point : points_) served_[schema::nearest_key(batches, point.batch)].push_back(&point);
  }
  std::string of_key(const CoverKey& key) const;
  std::string of_left_out(const CoverPoint& point, const CoverKey& key) const;

 private:
  /// Which M the key serves that its batch's own choice does not suit, and why; empty where it suits all of them.
  std::string objection(const CoverKey& key, const TileConfig& choice) const;
  std::string instead(const CoverKey& key) const;
  const std::vector<CoverPoint>& points_;
  const Candidates& candidates_;
  std::map<std::int64_t, std::vector<const CoverPoint*>> served_;
};

std::string Reasons::objection(const CoverKey& key, const TileConfig& choice) const {
  std::vector<std::int64_t> batches;
  bool measured = true;
  for (const CoverPoint* point : served_.at(key.batch)) {
    const CoverOption* option = option_of(*point, choice);
    if (option != nullptr && option->safe) continue;
    batches.push_back(point->batch);
    measured = measured && option != nullptr;
  }
  if (batches.empty()) return "";
  return fmt::format("is {} at M={}, which this key serves",
                     measured ? "slower than the default" : "not known to be as fast as the default",
                     fmt::join(batches, ", "));
}

/// Why a key does not run its batch's own choice.
std::string Reasons::instead(const CoverKey& key) const {
  const KeyCandidate& candidate = candidates_.at(key.batch);
  const auto& fallback = candidate.rows.fallback;
  const auto choice = short_text(candidate.choice.config);
  const auto why = objection(key, candidate.choice.config);
  if (fallback && !fallback->failed && fallback->config == key.config && !why.empty()) {
    return fmt::format("pinned to the default: {}, the choice for this batch alone, {}", choice, why);
  }
  const auto& served = served_.at(key.batch);
  const double loss = option_of(*std::ranges::find(points_, key.batch, &CoverPoint::batch), key.config)->loss;
  const auto pace = loss > 0 ? fmt::format("{:.2f} % slower than", 100 * loss) : std::string("as fast as");
  if (!why.empty()) return fmt::format("{} {}, the choice for this batch alone, which {}", pace, choice, why);
  return fmt::format("{} {}, the choice for this batch alone, and better over M={} to {}, which this key serves", pace,
                     choice, served.front()->batch, served.back()->batch);
}

std::string Reasons::of_key(const CoverKey& key) const {
  const KeyCandidate& candidate = candidates_.at(key.batch);
  auto reason = candidate.choice.config == key.config ? candidate.choice.reason : instead(key);
  if (candidate.asked) return reason;
  const auto is_asked = [](const auto& each) { return each.second.asked; };
  const auto place = candidates_.find(key.batch);
  const auto below = std::find_if(std::make_reverse_iterator(place), candidates_.rend(), is_asked);
  const auto above = std::find_if(place, candidates_.end(), is_asked);
  const auto where = below == candidates_.rend()  ? std::string("below all batches asked for")
                     : above == candidates_.end() ? fmt::format("above {}", below->first)
                                                  : fmt::format("between {} and {}", below->first, above->first);
  return fmt::format("added {}: {}", where, reason);
}

std::string Reasons::of_left_out(const CoverPoint& point, const CoverKey& key) const {
  if (key.config == point.choice) return fmt::format("key {} has the same configuration", key.batch);
  const double loss = option_of(point, key.config)->loss;
  return fmt::format("key {} runs {} here, {:.2f} % {} than the choice for this batch alone", key.batch,
                     short_text(key.config), 100 * std::abs(loss), loss > 0 ? "slower" : "faster");
}

search::Choice choice_of(const CoverKey& key, const KeyCandidate& candidate, std::string reason) {
  if (candidate.choice.config == key.config) {
    search::Choice choice = candidate.choice;
    choice.reason = std::move(reason);
    return choice;
  }
  const auto& fallback = candidate.rows.fallback;
  const auto row = std::ranges::find(candidate.rows.rows, key.config, &search::Measured::config);
  return {key.config, row->latency_us, fallback && !fallback->failed && fallback->config == key.config,
          std::move(reason)};
}

}  // namespace

KeyPlan place_keys(const Candidates& candidates, const std::optional<schema::Traffic>& traffic) {
  auto points = points_of(candidates);
  if (traffic) weigh(points, candidates, *traffic);
  const auto keys = search::key_cover(points);
  const Reasons reasons(points, keys, candidates);
  KeyPlan plan;
  std::vector<std::int64_t> batches;
  for (const CoverKey& key : keys) {
    batches.push_back(key.batch);
    plan.keys.push_back({key.batch, choice_of(key, candidates.at(key.batch), reasons.of_key(key))});
  }
  for (const CoverPoint& point : points) {
    if (!point.asked || std::ranges::find(batches, point.batch) != batches.end()) continue;
    const auto serving = schema::nearest_key(batches, point.batch);
    const auto& key = *std::ranges::find(keys, serving, &CoverKey::batch);
    plan.left_out.push_back({point.batch, serving, reasons.of_left_out(point, key)});
  }
  return plan;
}

}  // namespace moetune::daemon
