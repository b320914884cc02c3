#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "daemon/traffic_gain.hpp"

namespace moetune::daemon {

/// What a file is worth as a whole.
struct Verdict {
  std::size_t batches = 0;        ///< that were asked for
  std::size_t compared = 0;       ///< of them, those where the file's and the default's time are known
  std::optional<double> gain;     ///< default over file: the geometric mean over those batches
  std::optional<double> traffic;  ///< the kernel's gain under the traffic (TrafficGain::gain), where there is one
  std::optional<double> share;    ///< of a step's time that the kernel takes with the default, as the user says
  std::optional<double> step;     ///< expected gain of a whole step

  /// The gain that decides: the traffic's where it is known.
  std::optional<double> decisive() const { return traffic ? traffic : gain; }
  /// By Rounds' least gain; nothing where no gain is known.
  std::optional<bool> worth_it() const;
  /// "worth it: ...", "not worth it: under 1.0 % ..." or "unknown: ...", with what is not known.
  std::string text() const;
};

/// The gain of the whole, g being the gain of a part that takes `share` of the time: 1 / (1 - s + s / g), Amdahl's law.
double whole_gain(double share, double gain);

/// Over the batches that were asked for, whether they are keys of the file or not. `traffic`: what traffic_gain says.
/// `share`: over 0, at most 1.
Verdict verdict_on(std::span<const KeyTimes> batches, const std::optional<TrafficGain>& traffic,
                   std::optional<double> share);

/// "verdict" in an element of GET /best: {"batches", "compared", "gain", "traffic_gain", "worth_it", "kernel_share",
/// "step_gain", "text"}; what is not known is null.
nlohmann::ordered_json to_json(const Verdict& verdict);

}  // namespace moetune::daemon
