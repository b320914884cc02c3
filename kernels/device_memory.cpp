#include "kernels/device_memory.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace moetune::kernels {

std::optional<std::int64_t> available_from_meminfo(std::string_view text) {
  constexpr std::string_view k_field = "MemAvailable:";
  const auto at = text.find(k_field);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + k_field.size());
  const auto digits = text.find_first_not_of(' ');
  if (digits == std::string_view::npos) return std::nullopt;
  text.remove_prefix(digits);
  std::int64_t kib = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), kib).ec != std::errc()) return std::nullopt;
  return kib * 1024;
}

std::int64_t allocatable_bytes(const DeviceInfo& device, const MemoryInfo& memory,
                               std::optional<std::int64_t> host_available) {
  if (!device.integrated || !host_available) return memory.free;
  return std::max<std::int64_t>(0, std::min(memory.total, *host_available) - memory.total / 10);
}

std::optional<std::int64_t> host_available_bytes() {
  std::ostringstream text;
  text << std::ifstream("/proc/meminfo").rdbuf();
  return available_from_meminfo(text.str());
}

}  // namespace moetune::kernels
