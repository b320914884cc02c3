#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "kernels/cuda_driver.hpp"
#include "kernels/step_kernels.hpp"

namespace moetune::kernels {

/// The rows that the device keeps: start in cycles, start in nanoseconds, sum of cycles, sum of nanoseconds.
struct ClockRow {
  std::int64_t start_cycles = 0;
  std::int64_t start_ns = 0;
  std::int64_t cycles = 0;
  std::int64_t ns = 0;
};

/// Mean clock in MHz of the multiprocessors that have rows; nothing when the time is too short for a timer that steps
/// by `tick_ns` to give it within 0.5 %. Pure.
std::optional<std::int64_t> clock_of(std::span<const ClockRow> rows, std::int64_t tick_ns);

/// Measures the clock of the multiprocessors on the device, while work of a graph runs. The driver's own reading is
/// about 100 ms old, longer than a measurement. Move-only, used by one thread; kernels and stream must outlive it.
class ClockMeter {
 public:
  static Result<ClockMeter> create(const StepKernels& step, const Stream& stream, int sm_count);

  /// Starts anew.
  Result<void> reset() const;
  /// Launches around the work that is to be metered; adds up over replays.
  Result<void> begin() const { return step_->clock_begin(*stream_, sm_count_, rows_.address()); }
  Result<void> end() const { return step_->clock_end(*stream_, sm_count_, rows_.address()); }
  /// The mean since reset(). Waits for the stream.
  Result<std::optional<std::int64_t>> mhz() const;

 private:
  ClockMeter(const StepKernels& step, const Stream& stream, int sm_count, DeviceBuffer rows)
      : step_(&step), stream_(&stream), sm_count_(sm_count), rows_(std::move(rows)) {}
  const StepKernels* step_;
  const Stream* stream_;
  int sm_count_;
  DeviceBuffer rows_;
  std::int64_t tick_ns_ = 0;
};

}  // namespace moetune::kernels
