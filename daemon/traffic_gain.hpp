#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <vector>

#include "schema/traffic.hpp"

namespace moetune::daemon {

/// What is known of one key of a file: microseconds of one step of the kernel.
struct KeyTimes {
  std::int64_t batch = 0;
  double best_us = 0;
  std::optional<double> default_us;
  std::optional<double> chosen_us;  ///< the default's where the default was chosen
};

/// What the traffic does at one key.
struct KeyShare {
  std::int64_t batch = 0;
  double share = 0;            ///< of the time of all steps
  std::optional<double> gain;  ///< time with the default over time with the chosen; nothing where one is not measured
};

/// What the chosen configurations gain under somebody's traffic.
struct TrafficGain {
  bool log_times = false;      ///< weights from the times in the log; else from measured ones
  double covered = 0;          ///< share of the time at keys where default and chosen are measured
  std::optional<double> gain;  ///< sum of time with the defaults over sum of time with the chosen, there
  std::vector<KeyShare> keys;  ///< those that steps fall on, ascending; the shares sum to 1
  bool worth_it() const;       ///< by Rounds' least gain
};

/// What all steps take that are nearest to each key, by key, in the unit of the log's times or of the measured ones:
/// see traffic_gain. Keys without steps are left out. Precondition: `keys` is not empty.
std::map<std::int64_t, double> time_by_key(const schema::Traffic& traffic, std::span<const KeyTimes> keys);

/// Each step counts at the key that the engine picks for its tokens (the nearest), with the time that it takes: the
/// log's where it has times, else the default's measured one at that key (the best one's where the default has none). A
/// log's time is that of a whole step: the gain is then what the kernel gains, weighted by where the steps' time is.
/// Nothing where there are no keys.
std::optional<TrafficGain> traffic_gain(const schema::Traffic& traffic, std::span<const KeyTimes> keys);

/// "traffic" in an element of GET /best: {"id", "name", "source", "times", "covered", "gain", "worth_it", "verdict",
/// "keys": [{"batch", "share", "gain"}]}.
nlohmann::ordered_json to_json(const TrafficGain& gain, const schema::StoredTraffic& stored);

}  // namespace moetune::daemon
