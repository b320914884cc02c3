#include "daemon/traffic_gain.hpp"

#include <fmt/format.h>

#include "schema/engine_rules.hpp"
#include "schema/rounds.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;

std::optional<double> gain_of(const KeyTimes& key) {
  if (!key.default_us || !key.chosen_us) return std::nullopt;
  return *key.default_us / *key.chosen_us;
}

std::string percent(double share) {
  return fmt::format("{:.1f} %", share * 100);
}

std::string verdict_of(const TrafficGain& gain) {
  if (!gain.gain) return "unknown: no default was measured where this traffic is";
  const std::string covered =
      gain.covered < 0.9995 ? fmt::format("; no default was measured for {} of the time", percent(1 - gain.covered))
                            : "";
  const double saved = 1 - 1 / *gain.gain;
  if (gain.worth_it()) return fmt::format("worth it: the kernel takes {} less time{}", percent(saved), covered);
  return fmt::format("not worth it: the kernel takes {} less time, under {} is noise between sessions{}",
                     percent(saved), percent(schema::Rounds{}.min_gain), covered);
}

}  // namespace

bool TrafficGain::worth_it() const {
  return gain && *gain >= 1 + schema::Rounds{}.min_gain;
}

std::map<std::int64_t, double> time_by_key(const schema::Traffic& traffic, std::span<const KeyTimes> keys) {
  std::vector<std::int64_t> batches;
  std::map<std::int64_t, double> measured;
  for (const KeyTimes& key : keys) {
    batches.push_back(key.batch);
    measured[key.batch] = key.default_us.value_or(key.best_us);
  }
  std::map<std::int64_t, double> times;
  for (const auto& batch : traffic.batches) {
    const auto key = schema::nearest_key(batches, batch.tokens);
    times[key] += static_cast<double>(batch.steps) * batch.time_ms.value_or(measured[key]);
  }
  return times;
}

std::optional<TrafficGain> traffic_gain(const schema::Traffic& traffic, std::span<const KeyTimes> keys) {
  if (keys.empty() || traffic.batches.empty()) return std::nullopt;
  const auto times = time_by_key(traffic, keys);
  double all = 0;
  for (const auto& [batch, time] : times) all += time;
  TrafficGain answer;
  answer.log_times = traffic.has_times();
  double chosen = 0;  // share of the time that is left with the chosen configurations
  for (const KeyTimes& key : keys) {
    const auto time = times.find(key.batch);
    if (time == times.end()) continue;
    const KeyShare share{key.batch, time->second / all, gain_of(key)};
    answer.keys.push_back(share);
    if (!share.gain) continue;
    answer.covered += share.share;
    chosen += share.share / *share.gain;
  }
  if (chosen > 0) answer.gain = answer.covered / chosen;
  return answer;
}

ordered_json to_json(const TrafficGain& gain, const schema::StoredTraffic& stored) {
  ordered_json keys = ordered_json::array();
  for (const KeyShare& key : gain.keys) {
    keys.push_back(
        {{"batch", key.batch}, {"share", key.share}, {"gain", key.gain ? ordered_json(*key.gain) : nullptr}});
  }
  return {{"id", stored.id},
          {"name", stored.traffic.name},
          {"source", name_of(stored.traffic.source)},
          {"times", gain.log_times ? "log" : "rows"},
          {"covered", gain.covered},
          {"gain", gain.gain ? ordered_json(*gain.gain) : nullptr},
          {"worth_it", gain.gain ? ordered_json(gain.worth_it()) : nullptr},
          {"verdict", verdict_of(gain)},
          {"keys", std::move(keys)}};
}

}  // namespace moetune::daemon
