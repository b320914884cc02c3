#include "daemon/key_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "daemon/search/kept_keys.hpp"
#include "daemon/traffic_gain.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon {
namespace {

using schema::TileConfig;
using search::CoverKey;
using search::CoverOption;
using search::CoverPoint;
using Candidates = std::map<std::int64_t, KeyCandidate>;

KeyTimes times_of(std::int64_t batch, const search::ModelRows& model) {
  KeyTimes times{.batch = batch, .best_us = 0, .default_us = {}, .chosen_us = {}};
  const auto& rows = model.rows;
  if (!rows.empty()) times.best_us = std::ranges::min(rows, {}, &search::Measured::latency_us).latency_us;
  if (model.fallback && model.fallback->measured) times.default_us = model.fallback->measured->latency_us;
  return times;
}

/// A batch that was asked for may have thousands of rows: of these only the configurations that were measured for all
/// problems in between can serve more than their own batch, and those of the file in force may.
std::vector<CoverPoint> points_of(const Candidates& candidates, const FileInForce& in_force) {
  std::map<std::int64_t, CoverPoint> points;
  std::set<TileConfig> between;
  for (const CoverKey& key : in_force.keys) between.insert(key.config);
  for (const auto& [batch, candidate] : candidates) {
    if (candidate.asked) continue;
    auto point = search::cover_point(batch, candidate.models, candidate.choice);
    point.asked = false;
    for (const CoverOption& option : point.options) between.insert(option.config);
    points.emplace(batch, std::move(point));
  }
  for (const auto& [batch, candidate] : candidates) {
    if (!candidate.asked) continue;
    points.emplace(batch, search::cover_point(batch, candidate.models, candidate.choice, &between));
  }
  std::vector<CoverPoint> listed;
  for (auto& [batch, point] : points) listed.push_back(std::move(point));
  return listed;
}

/// How the time of one problem's steps is shared out over the batches.
std::map<std::int64_t, double> time_shares(const Candidates& candidates, std::size_t problem,
                                           const schema::Traffic& traffic) {
  std::vector<KeyTimes> times;
  for (const auto& [batch, candidate] : candidates) times.push_back(times_of(batch, candidate.models[problem]));
  auto spent = time_by_key(traffic, times);
  double all = 0;
  for (const auto& [batch, time] : spent) all += time;
  if (all <= 0) return {};
  for (auto& [batch, time] : spent) time /= all;
  return spent;
}

void weigh(std::vector<CoverPoint>& points, const Candidates& candidates, const schema::Traffic& traffic) {
  constexpr double k_even_share = 0.01;
  const std::size_t problems = candidates.begin()->second.models.size();
  std::map<std::int64_t, double> shares;
  for (std::size_t problem = 0; problem < problems; ++problem) {
    for (const auto& [batch, share] : time_shares(candidates, problem, traffic)) {
      shares[batch] += share / static_cast<double>(problems);
    }
  }
  if (shares.empty()) return;
  for (CoverPoint& point : points) {
    const auto found = shares.find(point.batch);
    point.weight = (found == shares.end() ? 0 : found->second) + k_even_share / static_cast<double>(points.size());
  }
}

const CoverOption* option_of(const CoverPoint& point, const TileConfig& config) {
  const auto found = std::ranges::find(point.options, config, &CoverOption::config);
  return found == point.options.end() ? nullptr : &*found;
}

/// Puts into words what was decided.
class Reasons {
 public:
  Reasons(const std::vector<CoverPoint>& points, const search::KeptCover& cover, const FileInForce& in_force,
          const Candidates& candidates)
      : points_(points), cover_(cover), in_force_(in_force), candidates_(candidates) {
    std::vector<std::int64_t> batches;
    for (const CoverKey& key : cover.keys) batches.push_back(key.batch);
    for (const CoverPoint& point : points_) served_[schema::nearest_key(batches, point.batch)].push_back(&point);
  }
  std::string of_key(const CoverKey& key) const;
  std::string of_left_out(const CoverPoint& point, const CoverKey& key) const;

 private:
  /// Which M the key serves that its batch's own choice does not suit, and why; empty where it suits all of them.
  std::string objection(const CoverKey& key, const TileConfig& choice) const;
  std::string instead(const CoverKey& key) const;
  /// Whether it is a key because it was one before.
  bool stays(const CoverKey& key) const;
  std::string in_its_place(const CoverKey& key) const;
  const std::vector<CoverPoint>& points_;
  const search::KeptCover& cover_;
  const FileInForce& in_force_;
  const Candidates& candidates_;
  std::map<std::int64_t, std::vector<const CoverPoint*>> served_;
};

std::string Reasons::objection(const CoverKey& key, const TileConfig& choice) const {
  std::vector<std::int64_t> batches;
  bool measured = true;
  const bool several = candidates_.at(key.batch).models.size() > 1;
  for (const CoverPoint* point : served_.at(key.batch)) {
    const CoverOption* option = option_of(*point, choice);
    if (option != nullptr && option->safe) continue;
    batches.push_back(point->batch);
    measured = measured && option != nullptr;
  }
  if (batches.empty()) return "";
  return fmt::format("is {}{} at M={}, which this key serves",
                     measured ? "slower than the default" : "not known to be as fast as the default",
                     several ? " for one of the problems" : "", fmt::join(batches, ", "));
}

/// Why a key does not run its batch's own choice.
std::string Reasons::instead(const CoverKey& key) const {
  const KeyCandidate& candidate = candidates_.at(key.batch);
  const auto choice = short_text(candidate.choice.config);
  const auto why = objection(key, candidate.choice.config);
  if (search::is_default_of_all(candidate.models, key.config) && !why.empty()) {
    return fmt::format("pinned to the default: {}, the choice for this batch alone, {}", choice, why);
  }
  const auto& served = served_.at(key.batch);
  const double loss = option_of(*std::ranges::find(points_, key.batch, &CoverPoint::batch), key.config)->loss;
  const auto pace = loss > 0 ? fmt::format("{:.2f} % slower than", 100 * loss) : std::string("as fast as");
  if (!why.empty()) return fmt::format("{} {}, the choice for this batch alone, which {}", pace, choice, why);
  if (stays(key)) return fmt::format("{} {}, the choice for this batch alone", pace, choice);
  return fmt::format("{} {}, the choice for this batch alone, and better over M={} to {}, which this key serves", pace,
                     choice, served.front()->batch, served.back()->batch);
}

bool Reasons::stays(const CoverKey& key) const {
  const auto is_in = [&](const std::vector<CoverKey>& keys) { return std::ranges::find(keys, key) != keys.end(); };
  return is_in(in_force_.keys) && !is_in(cover_.fresh);
}

std::string Reasons::of_key(const CoverKey& key) const {
  auto reason = in_its_place(key);
  if (!stays(key)) return reason;
  return fmt::format("{}; kept from the file after sweep {}, since nothing measured is a reason to move it", reason,
                     in_force_.sweep);
}

std::string Reasons::in_its_place(const CoverKey& key) const {
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

search::MergedChoice choice_of(const CoverKey& key, const KeyCandidate& candidate, std::string reason) {
  if (candidate.choice.config == key.config) {
    search::MergedChoice choice = candidate.choice;
    choice.reason = std::move(reason);
    return choice;
  }
  return {key.config, search::is_default_of_all(candidate.models, key.config), std::move(reason),
          search::standings_of(candidate.models, key.config)};
}

/// Every batch with its own choice.
KeyPlan own_choices(const Candidates& candidates) {
  KeyPlan plan;
  for (const auto& [batch, candidate] : candidates) plan.keys.push_back({batch, candidate.choice});
  return plan;
}

}  // namespace

KeyPlan place_keys(const Candidates& candidates, const std::optional<schema::Traffic>& traffic,
                   const FileInForce& in_force) {
  if (std::ranges::all_of(candidates, [](const auto& each) { return each.second.asked; })) {
    return own_choices(candidates);
  }
  auto points = points_of(candidates, in_force);
  if (traffic) weigh(points, candidates, *traffic);
  const auto cover = search::keep_keys(points, in_force.keys);
  const auto& keys = cover.keys;
  const Reasons reasons(points, cover, in_force, candidates);
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
