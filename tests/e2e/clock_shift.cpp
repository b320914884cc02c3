// Loaded before the C library (LD_PRELOAD): the wall clock is off by what $MOETUNE_TEST_CLOCK_SHIFT, a file of one
// 64-bit number of seconds, says at the moment. Monotonic clocks stay as they are.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

const std::atomic<std::int64_t>* map_shift() {
  const char* path = std::getenv("MOETUNE_TEST_CLOCK_SHIFT");
  if (path == nullptr) return nullptr;
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* mapped = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
  ::close(file);
  return mapped == MAP_FAILED ? nullptr : static_cast<const std::atomic<std::int64_t>*>(mapped);
}

std::int64_t shift() {
  static const std::atomic<std::int64_t>* const seconds = map_shift();
  return seconds == nullptr ? 0 : seconds->load();
}

int shifted_time(clockid_t clock, timespec* time) {
  const auto status = static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
  const bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (status == 0 && wall) time->tv_sec += shift();
  return status;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  return shifted_time(clock, time);
}

int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  const int status = shifted_time(CLOCK_REALTIME, &now);
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return status;
}

time_t time(time_t* seconds) noexcept {
  timespec now{};
  shifted_time(CLOCK_REALTIME, &now);
  if (seconds != nullptr) *seconds = now.tv_sec;
  return now.tv_sec;
}
}
