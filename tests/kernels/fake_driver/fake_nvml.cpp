// A libnvidia-ml that says what the environment tells it to: FAKE_SM_CLOCKS lists the readings of the clock in their
// order (the last repeats), FAKE_THROTTLE is the set of reasons, FAKE_PROCESSES the number of contexts.
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace {

long long setting(const char* name, long long fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::atoll(text);
}

std::vector<unsigned> clocks() {
  const char* text = std::getenv("FAKE_SM_CLOCKS");
  std::istringstream list(text == nullptr ? "1980" : text);
  std::vector<unsigned> values;
  for (std::string word; std::getline(list, word, ',');)
    values.push_back(static_cast<unsigned>(std::atoi(word.c_str())));
  return values;
}

struct Memory {
  unsigned long long total, free, used;
};
struct Process {
  unsigned pid;
  unsigned long long used_memory;
  unsigned gpu_instance, compute_instance;
};

}  // namespace

extern "C" {

int nvmlInit_v2() {
  return 0;
}
const char* nvmlErrorString(int) {
  return "as the test wants it";
}
int nvmlSystemGetDriverVersion(char* text, unsigned length) {
  std::snprintf(text, length, "580.65.06");
  return 0;
}
int nvmlDeviceGetHandleByUUID(const char*, void** device) {
  *device = nullptr;
  return 0;
}
int nvmlDeviceGetClockInfo(void*, unsigned, unsigned* mhz) {
  static const std::vector<unsigned> readings = clocks();
  static std::size_t next = 0;
  *mhz = readings[next];
  if (next + 1 < readings.size()) ++next;
  return 0;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void*, unsigned long long* bits) {
  *bits = static_cast<unsigned long long>(setting("FAKE_THROTTLE", 0));
  return 0;
}
int nvmlDeviceGetMemoryInfo(void*, Memory* memory) {
  *memory = {150ULL << 30, 140ULL << 30, 10ULL << 30};
  return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void*, unsigned* count, Process* processes) {
  const auto wanted = static_cast<unsigned>(setting("FAKE_PROCESSES", 1));
  constexpr int k_insufficient_size = 7;
  const bool fits = wanted <= *count;
  *count = wanted;
  if (!fits) return k_insufficient_size;
  for (unsigned i = 0; i < wanted; ++i) processes[i] = {100 + i, 0, 0, 0};
  return 0;
}

}  // extern "C"
