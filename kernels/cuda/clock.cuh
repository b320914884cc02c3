#pragma once

// The clock that the multiprocessors really ran at: cycles over nanoseconds, both read on the device. What the driver
// reports is a tenth of a second old, and heavy work has slowed down before that.

namespace moetune {

__device__ inline long long nanoseconds() {
  long long now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

// The meter's row of this multiprocessor: start in cycles and in nanoseconds, sums of both. Null beyond its 512 rows.
__device__ inline long long* meter_row(long long* meter) {
  unsigned multiprocessor;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(multiprocessor));
  return multiprocessor < 512 ? meter + 4 * multiprocessor : nullptr;
}

}  // namespace moetune

// One thread a block, a block for each multiprocessor; two that meet on one do no harm.
extern "C" __global__ void clock_begin(long long* meter) {
  long long* row = moetune::meter_row(meter);
  if (row == nullptr) return;
  row[1] = moetune::nanoseconds();
  row[0] = clock64();
}

extern "C" __global__ void clock_end(long long* meter) {
  const long long cycles = clock64();
  const long long now = moetune::nanoseconds();
  long long* row = moetune::meter_row(meter);
  if (row == nullptr) return;
  const auto start = static_cast<long long>(atomicExch(reinterpret_cast<unsigned long long*>(row), 0ull));
  if (start == 0) return;
  row[2] += cycles - start;
  row[3] += now - row[1];
}

// How coarsely nanoseconds() ticks: the smallest of some steps.
extern "C" __global__ void timer_tick(long long* tick) {
  long long smallest = 1ll << 40;
  long long last = moetune::nanoseconds();
  for (int steps = 0; steps < 8;) {
    const long long now = moetune::nanoseconds();
    if (now == last) continue;
    smallest = min(smallest, now - last);
    last = now;
    ++steps;
  }
  *tick = smallest;
}
