#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernels/nvml.hpp"
#include "kernels/power_policy.hpp"

namespace moetune::kernels {

/// Watches clock, throttling and neighbours of one GPU while it is measured, and says when to rest. Without NVML it
/// sees nothing and only paces. Used by one thread whose process holds one context on the GPU. A reading takes from a
/// microsecond to some milliseconds of the host's time: it reads while the GPU works, and at most every 5 ms or for 2 %
/// of the time.
///
/// The driver renews its reading of the clock only every 100 ms or so, and heavy work has lost 4 to 17 % before it
/// shows (H200): watching finds a state that lasts; it is the pacing that keeps heavy work from getting there.
class PowerWatch {
 public:
  explicit PowerWatch(std::optional<NvmlDevice> device) : device_(std::move(device)) {}

  /// A timed region begins: readings from here on count for it.
  void begin();
  /// Reads clock and throttling if it is time to. Call it while the GPU is busy.
  void look();
  /// True when the clock was seen below its norm since begin().
  bool clock_fell() const { return fell_; }
  /// True when sm_clock_mhz() lies below the norm: also for work so short that nothing was read since begin().
  bool clock_is_low() const;
  /// Goes on with the clock as it is: resting did not bring it back.
  void accept_clock();

  /// The lowest reading since begin(), or the last one before it when there was none.
  std::optional<std::int64_t> sm_clock_mhz() const;
  /// "sw_power_cap; 2 other processes on the GPU"; empty when all is well.
  std::string throttle() const;

  HeatBudget& heat() { return heat_; }

 private:
  void read(SteadyTime now);

  std::optional<NvmlDevice> device_;
  ClockNorm norm_;
  HeatBudget heat_;
  std::size_t neighbours_ = 0;
  SteadyTime next_look_{};
  SteadyTime next_count_{};
  std::optional<std::int64_t> last_mhz_;
  std::optional<std::int64_t> lowest_mhz_;
  std::uint64_t throttle_bits_ = 0;
  bool fell_ = false;
};

}  // namespace moetune::kernels
