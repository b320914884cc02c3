#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace moetune::schema::lint {

enum class Vendor { nvidia, amd, intel, unknown };
std::string_view name_of(Vendor vendor);

/// Whose device has this name, in the engines' spelling (underscores for spaces).
Vendor vendor_of(std::string_view device);

struct Gpu {
  int capability = 0;                    ///< 90 for sm_90
  std::int64_t shared_memory_limit = 0;  ///< bytes that one block may opt in to
};

/// What is known of an NVIDIA device; slices of it (MIG) are like the whole. Nothing for a device not in the table.
std::optional<Gpu> known_gpu(std::string_view device);

/// A whole name for one that no driver reports because it is cut short or lacks its vendor: "NVIDIA_H100_80GB_HBM3" for
/// "NVIDIA_H100", "NVIDIA_H200" for "H200". Nothing where the name may be one.
std::optional<std::string> whole_device_name(std::string_view device);

}  // namespace moetune::schema::lint
