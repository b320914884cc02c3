#include "kernels/clock_meter.hpp"

#include <vector>

namespace moetune::kernels {

namespace {

constexpr std::size_t k_rows = 512;
constexpr std::int64_t k_ticks = 200;  // this many steps of the timer make half a per cent

}  // namespace

std::optional<std::int64_t> clock_of(std::span<const ClockRow> rows, std::int64_t tick_ns) {
  double cycles = 0, ns = 0, counted = 0;
  for (const ClockRow& row : rows) {
    if (row.ns <= 0 || row.cycles <= 0) continue;
    cycles += static_cast<double>(row.cycles);
    ns += static_cast<double>(row.ns);
    ++counted;
  }
  if (counted == 0 || tick_ns <= 0 || ns / counted < static_cast<double>(tick_ns * k_ticks)) return std::nullopt;
  constexpr double k_mhz_per_ghz = 1000;
  return static_cast<std::int64_t>(k_mhz_per_ghz * cycles / ns + 0.5);
}

Result<ClockMeter> ClockMeter::create(const StepKernels& step, const Stream& stream, int sm_count) {
  auto rows = DeviceBuffer::allocate(k_rows * sizeof(ClockRow));
  if (!rows) return std::unexpected(rows.error());
  ClockMeter meter(step, stream, sm_count, std::move(*rows));
  auto asked = step.timer_tick(stream, meter.rows_.address());
  if (asked) asked = stream.synchronize();
  if (asked) asked = meter.rows_.download(std::as_writable_bytes(std::span(&meter.tick_ns_, 1)));
  if (asked) asked = meter.reset();
  if (!asked) return std::unexpected(asked.error());
  return meter;
}

Result<void> ClockMeter::reset() const {
  return rows_.fill(0, *stream_);
}

Result<std::optional<std::int64_t>> ClockMeter::mhz() const {
  if (auto done = stream_->synchronize(); !done) return std::unexpected(done.error());
  std::vector<ClockRow> rows(k_rows);
  if (auto read = rows_.download(std::as_writable_bytes(std::span(rows))); !read) return std::unexpected(read.error());
  return clock_of(rows, tick_ns_);
}

}  // namespace moetune::kernels
