#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/cuda_driver.hpp"

namespace moetune::kernels {

/// MemAvailable out of the text of /proc/meminfo, in bytes.
std::optional<std::int64_t> available_from_meminfo(std::string_view text);

/// What can be allocated now. Where GPU and host share one memory (GB10 and the like) the driver does not count what
/// the kernel's page cache would give back: there it is what the host has available, less a tenth of all for the host.
std::int64_t allocatable_bytes(const DeviceInfo& device, const MemoryInfo& memory,
                               std::optional<std::int64_t> host_available);

/// MemAvailable of this machine; nothing when the kernel does not tell.
std::optional<std::int64_t> host_available_bytes();

}  // namespace moetune::kernels
