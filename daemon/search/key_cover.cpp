#include "daemon/search/key_cover.hpp"

#include <algorithm>
#include <cmath>
#include <compare>
#include <iterator>
#include <optional>

#include "daemon/search/safety.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon::search {
namespace {

using schema::TileConfig;

/// What a file costs, the weightiest first. Integers, so that equal costs are equal whatever the order of their sums.
struct Cost {
  std::int64_t loss = 0;     ///< beyond near-ties
  std::int64_t keys = 0;     ///< new ones twice
  std::int64_t changed = 0;  ///< keys that the file before had not
  std::int64_t added = 0;
  std::int64_t whole_loss = 0;
  std::int64_t other = 0;  ///< keys that do not run the choice of their point
  auto operator<=>(const Cost&) const = default;
};

Cost operator+(const Cost& a, const Cost& b) {
  return {a.loss + b.loss,  a.keys + b.keys, a.changed + b.changed, a.added + b.added, a.whole_loss + b.whole_loss,
          a.other + b.other};
}

using OptionalCost = std::optional<Cost>;

bool better(const OptionalCost& cost, const OptionalCost& than) {
  return cost && (!than || *cost < *than);
}

/// A point and a configuration: places in the lists.
struct Place {
  std::size_t point = 0;
  std::size_t config = 0;
};

/// The least cost of everything right of a key, and the next key of the file that has it.
struct Tail {
  OptionalCost cost;
  std::optional<Place> next;
};

class Cover {
 public:
  Cover(std::span<const CoverPoint> points, std::span<const CoverKey> before);
  std::vector<CoverKey> keys();

 private:
  void add_sums();
  /// The cost of points [first, end) when they run a configuration; nothing where it is not safe at one of them.
  OptionalCost range(std::size_t config, std::size_t first, std::size_t end) const;
  /// The cost of a key itself; nothing where its configuration is not safe.
  OptionalCost key(const Place& place) const;
  /// Whether a loss at a point is a reason to run something else there.
  bool counts(const CoverPoint& point, const CoverOption& option) const;
  /// The first point that the second of two neighbouring keys serves.
  std::size_t split(std::size_t left, std::size_t right) const;
  /// The cheapest configuration of a key that serves the points from `first` on, with all that comes after it.
  std::pair<OptionalCost, Place> cheapest(std::size_t point, std::size_t first) const;
  void find_tails(std::size_t point);

  std::span<const CoverPoint> points_;
  std::span<const CoverKey> before_;
  std::vector<bool> held_;
  std::vector<TileConfig> configs_;  ///< sorted
  /// Of the first n points, by configuration: sums of both losses, and how many points it is not safe at (in `keys`).
  std::vector<std::vector<Cost>> sums_;
  std::vector<std::vector<Tail>> tails_;  ///< by point and configuration
};

Cover::Cover(std::span<const CoverPoint> points, std::span<const CoverKey> before)
    : points_(points), before_(before), held_(held_points(points)) {
  for (const CoverPoint& point : points_) {
    for (const CoverOption& option : point.options) configs_.push_back(option.config);
  }
  std::ranges::sort(configs_);
  const auto rest = std::ranges::unique(configs_);
  configs_.erase(rest.begin(), rest.end());
  tails_.assign(points_.size(), std::vector<Tail>(configs_.size()));
  add_sums();
}

bool Cover::counts(const CoverPoint& point, const CoverOption& option) const {
  const bool as_before = !before_.empty() && config_at(before_, point.batch) == option.config;
  return as_before ? gives_way(point, option) : option.loss > k_near_tie;
}

void Cover::add_sums() {
  constexpr double k_weight_parts = 1 << 20;
  constexpr double k_loss_parts = 1e6;
  constexpr double k_largest_loss = 1000;
  double heaviest = 0;
  for (const CoverPoint& point : points_) heaviest = std::max(heaviest, point.weight);
  sums_.assign(configs_.size(), std::vector<Cost>(points_.size() + 1));
  for (std::size_t p = 0; p < points_.size(); ++p) {
    const CoverPoint& point = points_[p];
    const auto weight = std::max<std::int64_t>(1, std::llround(k_weight_parts * point.weight / heaviest));
    for (auto& sums : sums_) sums[p + 1] = sums[p] + Cost{.keys = 1};
    for (const CoverOption& option : point.options) {
      if (!option.safe) continue;
      const auto place = std::ranges::lower_bound(configs_, option.config) - configs_.begin();
      auto& sums = sums_[static_cast<std::size_t>(place)];
      const double loss = std::clamp(option.loss, 0.0, k_largest_loss);
      const std::int64_t whole = weight * std::llround(k_loss_parts * loss);
      sums[p + 1] = sums[p] + Cost{.loss = counts(point, option) ? whole : 0, .whole_loss = whole};
    }
  }
}

OptionalCost Cover::range(std::size_t config, std::size_t first, std::size_t end) const {
  const Cost& before = sums_[config][first];
  const Cost& after = sums_[config][end];
  if (after.keys != before.keys) return std::nullopt;
  return Cost{.loss = after.loss - before.loss, .whole_loss = after.whole_loss - before.whole_loss};
}

OptionalCost Cover::key(const Place& place) const {
  const auto own = range(place.config, place.point, place.point + 1);
  if (!own) return own;
  const CoverPoint& point = points_[place.point];
  const TileConfig& config = configs_[place.config];
  const auto was_there = [&] { return std::ranges::find(before_, CoverKey{point.batch, config}) != before_.end(); };
  const int changed = before_.empty() || was_there() ? 0 : 1;
  return *own + Cost{.keys = 1 + changed,
                     .changed = changed,
                     .added = point.asked ? 0 : 1,
                     .other = config == point.choice ? 0 : 1};
}

std::size_t Cover::split(std::size_t left, std::size_t right) const {
  const std::int64_t sum = points_[left].batch + points_[right].batch;
  std::size_t first = left + 1;
  while (first < right && 2 * points_[first].batch <= sum) ++first;
  return first;
}

std::pair<OptionalCost, Place> Cover::cheapest(std::size_t point, std::size_t first) const {
  std::pair<OptionalCost, Place> least;
  for (std::size_t config = 0; config < configs_.size(); ++config) {
    const Tail& tail = tails_[point][config];
    const auto own = tail.cost ? key({point, config}) : std::nullopt;
    const auto before = own ? range(config, first, point) : std::nullopt;
    if (!before) continue;
    const OptionalCost cost = *before + *own + *tail.cost;
    if (better(cost, least.first)) least = {cost, {point, config}};
  }
  return least;
}

void Cover::find_tails(std::size_t point) {
  const auto next_held = static_cast<std::size_t>(
      std::find(std::next(held_.begin(), static_cast<std::ptrdiff_t>(point) + 1), held_.end(), true) - held_.begin());
  std::vector<Tail>& tails = tails_[point];
  if (next_held == points_.size()) {
    for (std::size_t c = 0; c < configs_.size(); ++c) tails[c].cost = range(c, point + 1, points_.size());
  }
  for (std::size_t right = point + 1; right < points_.size() && right <= next_held; ++right) {
    const std::size_t first = split(point, right);
    const auto [cost, next] = cheapest(right, first);
    if (!cost) continue;
    for (std::size_t c = 0; c < configs_.size(); ++c) {
      const auto between = range(c, point + 1, first);
      if (between && better(*between + *cost, tails[c].cost)) tails[c] = {*between + *cost, next};
    }
  }
}

std::vector<CoverKey> Cover::keys() {
  for (std::size_t point = points_.size(); point-- > 0;) find_tails(point);
  std::pair<OptionalCost, Place> least;
  for (std::size_t point = 0; point < points_.size(); ++point) {
    auto found = cheapest(point, 0);
    if (better(found.first, least.first)) least = found;
    if (held_[point]) break;
  }
  std::vector<CoverKey> keys;
  std::optional<Place> next = least.first ? std::optional(least.second) : std::nullopt;
  while (next) {
    keys.push_back({points_[next->point].batch, configs_[next->config]});
    next = tails_[next->point][next->config].next;
  }
  return keys;
}

/// Whether a key may run that row at its batch.
bool is_safe(const Measured& row, const ModelRows& model) {
  const auto& fallback = model.fallback;
  if (!fallback || fallback->failed || row.config == fallback->config) return true;
  return fallback->measured && !slower_beyond_noise(row, *fallback->measured, model.rule);
}

/// Whether the choice is faster than the row by the rule by which it would be chosen again. Where they had no rounds in
/// turns, so much that no two rounds differ by as much for no reason.
bool is_beaten(const Measured& row, const ModelRows& model, const TileConfig& choice) {
  const auto chosen = std::ranges::find(model.rows, choice, &Measured::config);
  if (chosen == model.rows.end() || row.config == choice) return false;
  const Contest result = compare(*chosen, row, model.rule);
  if (result.standing != Standing::faster) return false;
  return result.in_turns || row.latency_us > chosen->latency_us * (1 + k_kept_tie);
}

/// Nothing where a problem has no row of it.
std::optional<CoverOption> option_of(const TileConfig& config, const std::vector<ModelRows>& models,
                                     const MergedChoice& choice) {
  constexpr double k_least_loss = -1;  // a time is not negative
  CoverOption option{config, k_least_loss, true};
  for (std::size_t i = 0; i < models.size(); ++i) {
    const auto row = std::ranges::find(models[i].rows, config, &Measured::config);
    if (row == models[i].rows.end()) return std::nullopt;
    const auto& chosen_us = choice.standings[i].latency_us;
    option.loss = std::max(option.loss, chosen_us ? row->latency_us / *chosen_us - 1 : 0);
    option.safe = option.safe && is_safe(*row, models[i]);
    option.beaten = option.beaten || is_beaten(*row, models[i], choice.config);
  }
  return option;
}

}  // namespace

bool gives_way(const CoverPoint& point, const CoverOption& option) {
  return option.beaten && option.loss > (point.asked ? k_near_tie : k_kept_tie);
}

CoverPoint cover_point(std::int64_t batch, const std::vector<ModelRows>& models, const MergedChoice& choice,
                       const std::set<TileConfig>* wanted) {
  CoverPoint point{.batch = batch, .choice = choice.config, .options = {{choice.config, 0, true}}};
  for (const Measured& row : models.front().rows) {
    if (wanted != nullptr && !wanted->contains(row.config)) continue;
    if (std::ranges::find(point.options, row.config, &CoverOption::config) != point.options.end()) continue;
    if (const auto option = option_of(row.config, models, choice)) point.options.push_back(*option);
  }
  return point;
}

std::vector<bool> held_points(std::span<const CoverPoint> points) {
  std::vector<bool> held(points.size(), false);
  std::optional<std::size_t> last;
  for (std::size_t p = 0; p < points.size(); ++p) {
    if (!points[p].asked) continue;
    if (!last) {
      held[p] = true;
    } else if (*last + 1 == p && points[p].batch - points[*last].batch > 1) {
      held[*last] = held[p] = true;
    }
    last = p;
  }
  if (last) held[*last] = true;
  return held;
}

const TileConfig& config_at(std::span<const CoverKey> keys, std::int64_t batch) {
  std::vector<std::int64_t> batches;
  for (const CoverKey& key : keys) batches.push_back(key.batch);
  return std::ranges::find(keys, schema::nearest_key(batches, batch), &CoverKey::batch)->config;
}

std::vector<CoverKey> key_cover(std::span<const CoverPoint> points, std::span<const CoverKey> before) {
  return Cover(points, before).keys();
}

}  // namespace moetune::daemon::search
