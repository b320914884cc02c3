#include "daemon/guarantee.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;
using schema::BatchRange;

ordered_json or_null(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

/// Ranges of M between two measured neighbours, the first of which counts from M=1 on.
struct Gaps {
  std::optional<BatchRange> widest;   ///< the ends are the furthest apart by ratio
  std::optional<BatchRange> longest;  ///< the most M; of several the first
};

Gaps gaps_of(const std::vector<std::int64_t>& measured) {
  Gaps gaps;
  double ratio = 0;
  std::int64_t last = 0;
  for (const auto batch : measured) {
    const double apart = static_cast<double>(batch) / static_cast<double>(std::max<std::int64_t>(last, 1));
    const BatchRange range = {last + 1, batch - 1};
    last = batch;
    if (range.high < range.low) continue;
    if (apart > ratio) {
      ratio = apart;
      gaps.widest = range;
    }
    if (!gaps.longest || range.high - range.low > gaps.longest->high - gaps.longest->low) gaps.longest = range;
  }
  return gaps;
}

ordered_json to_json(const std::optional<BatchRange>& range) {
  return range ? ordered_json{{"from", range->low}, {"to", range->high}} : ordered_json(nullptr);
}

std::string where(const GuaranteedPoint& place) {
  return fmt::format("M={} (key {})", place.point.batch, place.point.key);
}

/// "1.0023 of the default's time, 1.0004 to 1.0041 by the rounds, at M=48 (key 64)", or "spread 0.31 %" without rounds.
std::string worst_text(const GuaranteedPoint& worst) {
  if (worst.point.standing == PointStanding::is_default) {
    return fmt::format("at worst the default itself, at {}", where(worst));
  }
  const auto& turns = worst.point.interval;
  const auto noise = turns ? fmt::format("{:.4f} to {:.4f} by the rounds", turns->low, turns->high)
                           : fmt::format("spread {:.2f} %", 100 * worst.point.spread().value_or(0));
  return fmt::format("at worst {:.4f} of the default's time, {}, at {}", *worst.point.ratio(), noise, where(worst));
}

std::string list_text(const std::vector<GuaranteedPoint>& places) {
  std::vector<std::string> words;
  for (const auto& place : places) words.push_back(where(place));
  return fmt::format("{}", fmt::join(words, ", "));
}

ordered_json to_json(const FilePoint& point) {
  return {{"key", point.key},
          {"asked", point.asked},
          {"standing", name_of(point.standing)},
          {"config", schema::to_json(point.config)},
          {"latency_us", or_null(point.latency_us)},
          {"default_us", or_null(point.default_us)},
          {"ratio", or_null(point.ratio())},
          {"low", point.interval ? ordered_json(point.interval->low) : ordered_json(nullptr)},
          {"high", point.interval ? ordered_json(point.interval->high) : ordered_json(nullptr)},
          {"spread", or_null(point.spread())}};
}

ordered_json to_json(const GuaranteedPoint& place) {
  ordered_json object = {{"problem", place.problem}, {"batch", place.point.batch}};
  object.update(to_json(place.point));
  return object;
}

void take_in(const GuaranteedPoint& place, Guarantee& guarantee) {
  const FilePoint& point = place.point;
  const auto ratio = point.ratio();
  if (ratio && (!guarantee.worst || *ratio > *guarantee.worst->point.ratio())) guarantee.worst = place;
  if (point.standing == PointStanding::slower) guarantee.slower.push_back(place);
  if (point.standing == PointStanding::no_default) guarantee.without_default.push_back(place);
  if (point.standing == PointStanding::is_default &&
      std::ranges::find(guarantee.pinned, point.batch) == guarantee.pinned.end()) {
    guarantee.pinned.push_back(point.batch);
  }
}

std::vector<std::int64_t> unknown_in(const FilePlan& plan, const std::vector<std::int64_t>& measured) {
  std::set<std::int64_t> unknown;
  for (const auto& problem : plan.problems) {
    for (const FilePoint& point : problem.points) {
      if (!std::ranges::binary_search(measured, point.batch)) unknown.insert(point.batch);
    }
  }
  return {unknown.begin(), unknown.end()};
}

}  // namespace

std::string Guarantee::text() const {
  if (!slower.empty()) {
    return fmt::format("not safe: slower than the default beyond noise at {}; {}", list_text(slower),
                       worst_text(*worst));
  }
  if (!without_default.empty()) {
    return fmt::format("not shown to be safe: nobody knows the default at {}", list_text(without_default));
  }
  if (!worst) return "not shown to be safe: nothing was compared with the engine's default";
  if (only_keys) {
    return fmt::format("not shown to be safe: only the keys themselves were measured; {}", worst_text(*worst));
  }
  return fmt::format("safe: at no measured M slower than the default beyond noise; {}", worst_text(*worst));
}

Guarantee guarantee_of(const FilePlan& plan) {
  Guarantee guarantee;
  for (std::size_t place = 0; place < plan.problems.size(); ++place) {
    for (const FilePoint& point : plan.problems[place].points) take_in({place, point}, guarantee);
  }
  std::ranges::sort(guarantee.pinned);
  guarantee.measured = plan.measured_batches();
  const Gaps gaps = gaps_of(guarantee.measured);
  guarantee.widest = gaps.widest;
  guarantee.longest = gaps.longest;
  guarantee.unknown = unknown_in(plan, guarantee.measured);
  const bool between = std::ranges::any_of(guarantee.measured, [&](std::int64_t batch) {
    const bool is_key = std::ranges::find(plan.keys, batch, &FileKey::batch) != plan.keys.end();
    return !is_key || !plan.is_asked(batch);
  });
  // A single key serves every M there is.
  guarantee.only_keys = !between && (guarantee.widest || plan.keys.size() == 1);
  return guarantee;
}

ordered_json to_json(const Guarantee& guarantee, const FilePlan& plan) {
  ordered_json keys = ordered_json::object();
  for (const auto& key : plan.keys) {
    keys[std::to_string(key.batch)] = {{"config", schema::to_json(key.choice.config)},
                                       {"default", key.choice.is_default},
                                       {"reason", key.choice.reason}};
  }
  ordered_json slower = ordered_json::array();
  for (const auto& place : guarantee.slower) slower.push_back(to_json(place));
  ordered_json left_out = ordered_json::array();
  for (const auto& batch : plan.left_out) {
    left_out.push_back({{"batch", batch.batch}, {"key", batch.key}, {"reason", batch.reason}});
  }
  ordered_json problems = ordered_json::array();
  for (const auto& problem : plan.problems) {
    ordered_json group;
    schema::write_group(problem.match.group, group);
    ordered_json points = ordered_json::object();
    for (const FilePoint& point : problem.points) points[std::to_string(point.batch)] = to_json(point);
    problems.push_back({{"group", std::move(group)}, {"points", std::move(points)}});
  }
  const auto& measured = guarantee.measured;
  return {{"safe", guarantee.safe()},
          {"text", guarantee.text()},
          {"keys", std::move(keys)},
          {"measured", measured},
          {"max", measured.empty() ? ordered_json(nullptr) : ordered_json(measured.back())},
          {"widest_gap", to_json(guarantee.widest)},
          {"longest_gap", to_json(guarantee.longest)},
          {"not_measured", guarantee.unknown},
          {"only_keys", guarantee.only_keys},
          {"worst", guarantee.worst ? to_json(*guarantee.worst) : ordered_json(nullptr)},
          {"slower", std::move(slower)},
          {"pinned", guarantee.pinned},
          {"left_out", std::move(left_out)},
          {"problems", std::move(problems)}};
}

}  // namespace moetune::daemon
