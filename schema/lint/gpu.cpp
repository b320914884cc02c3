#include "schema/lint/gpu.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace moetune::schema::lint {
namespace {

// Shared memory per block by compute capability: CUDA C++ Programming Guide, "Technical Specifications per Compute
// Capability" (the maximum per multiprocessor less 1 KiB that is reserved).
constexpr std::array k_limits = {
    std::pair{70, 98304},   std::pair{75, 65536},   std::pair{80, 166912},  std::pair{86, 101376},
    std::pair{87, 166912},  std::pair{89, 101376},  std::pair{90, 232448},  std::pair{100, 232448},
    std::pair{103, 232448}, std::pair{110, 232448}, std::pair{120, 101376}, std::pair{121, 101376},
};

// Names as the driver reports them, underscores for spaces; capabilities from NVIDIA's list "CUDA GPUs".
constexpr std::array k_gpus = {
    std::pair{"Tesla_V100-SXM2-16GB", 70},
    std::pair{"Tesla_V100-SXM2-32GB", 70},
    std::pair{"Tesla_V100-PCIE-16GB", 70},
    std::pair{"Tesla_V100-PCIE-32GB", 70},
    std::pair{"Tesla_T4", 75},
    std::pair{"NVIDIA_A100-SXM4-40GB", 80},
    std::pair{"NVIDIA_A100-SXM4-80GB", 80},
    std::pair{"NVIDIA_A100-PCIE-40GB", 80},
    std::pair{"NVIDIA_A100_80GB_PCIe", 80},
    std::pair{"NVIDIA_A800-SXM4-40GB", 80},
    std::pair{"NVIDIA_A800-SXM4-80GB", 80},
    std::pair{"NVIDIA_A800_80GB_PCIe", 80},
    std::pair{"NVIDIA_A30", 80},
    std::pair{"NVIDIA_A10", 86},
    std::pair{"NVIDIA_A10G", 86},
    std::pair{"NVIDIA_A16", 86},
    std::pair{"NVIDIA_A40", 86},
    std::pair{"NVIDIA_RTX_A4000", 86},
    std::pair{"NVIDIA_RTX_A5000", 86},
    std::pair{"NVIDIA_RTX_A6000", 86},
    std::pair{"NVIDIA_GeForce_RTX_3080", 86},
    std::pair{"NVIDIA_GeForce_RTX_3090", 86},
    std::pair{"NVIDIA_GeForce_RTX_3090_Ti", 86},
    std::pair{"NVIDIA_L4", 89},
    std::pair{"NVIDIA_L20", 89},
    std::pair{"NVIDIA_L40", 89},
    std::pair{"NVIDIA_L40S", 89},
    std::pair{"NVIDIA_RTX_4000_Ada_Generation", 89},
    std::pair{"NVIDIA_RTX_5000_Ada_Generation", 89},
    std::pair{"NVIDIA_RTX_5880_Ada_Generation", 89},
    std::pair{"NVIDIA_RTX_6000_Ada_Generation", 89},
    std::pair{"NVIDIA_GeForce_RTX_4080", 89},
    std::pair{"NVIDIA_GeForce_RTX_4090", 89},
    std::pair{"NVIDIA_GeForce_RTX_4090_D", 89},
    std::pair{"NVIDIA_H100_80GB_HBM3", 90},
    std::pair{"NVIDIA_H100_PCIe", 90},
    std::pair{"NVIDIA_H100_NVL", 90},
    std::pair{"NVIDIA_H200", 90},
    std::pair{"NVIDIA_H200_NVL", 90},
    std::pair{"NVIDIA_H800", 90},
    std::pair{"NVIDIA_H20", 90},
    std::pair{"NVIDIA_H20-3e", 90},
    std::pair{"NVIDIA_GH200_480GB", 90},
    std::pair{"NVIDIA_GH200_144G_HBM3e", 90},
    std::pair{"NVIDIA_B200", 100},
    std::pair{"NVIDIA_GB200", 100},
    std::pair{"NVIDIA_B300_SXM6_AC", 103},
    std::pair{"NVIDIA_GB300", 103},
    std::pair{"NVIDIA_Thor", 110},
    std::pair{"NVIDIA_RTX_PRO_6000_Blackwell_Server_Edition", 120},
    std::pair{"NVIDIA_RTX_PRO_6000_Blackwell_Workstation_Edition", 120},
    std::pair{"NVIDIA_RTX_PRO_6000_Blackwell_Max-Q_Workstation_Edition", 120},
    std::pair{"NVIDIA_GeForce_RTX_5080", 120},
    std::pair{"NVIDIA_GeForce_RTX_5090", 120},
    std::pair{"NVIDIA_GB10", 121},
};

// What people call a device whose name is longer, and the first of its names.
constexpr std::array k_cut_short = {
    std::pair{"NVIDIA_V100", "Tesla_V100-SXM2-32GB"},
    std::pair{"NVIDIA_T4", "Tesla_T4"},
    std::pair{"NVIDIA_A100", "NVIDIA_A100-SXM4-80GB"},
    std::pair{"NVIDIA_A800", "NVIDIA_A800-SXM4-80GB"},
    std::pair{"NVIDIA_H100", "NVIDIA_H100_80GB_HBM3"},
    std::pair{"NVIDIA_GH200", "NVIDIA_GH200_480GB"},
    std::pair{"NVIDIA_B300", "NVIDIA_B300_SXM6_AC"},
    std::pair{"NVIDIA_RTX_3090", "NVIDIA_GeForce_RTX_3090"},
    std::pair{"NVIDIA_RTX_4090", "NVIDIA_GeForce_RTX_4090"},
    std::pair{"NVIDIA_RTX_5090", "NVIDIA_GeForce_RTX_5090"},
    std::pair{"NVIDIA_RTX_6000_Ada", "NVIDIA_RTX_6000_Ada_Generation"},
    std::pair{"NVIDIA_RTX_PRO_6000", "NVIDIA_RTX_PRO_6000_Blackwell_Server_Edition"},
    std::pair{"NVIDIA_RTX_PRO_6000_Blackwell", "NVIDIA_RTX_PRO_6000_Blackwell_Server_Edition"},
};

/// Without the part that names a slice: "NVIDIA_H100_80GB_HBM3_MIG_1g.10gb".
std::string_view whole_gpu(std::string_view device) {
  return device.substr(0, device.find("_MIG_"));
}

std::optional<int> capability_of(std::string_view device) {
  for (const auto& [name, capability] : k_gpus) {
    if (device == name) return capability;
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Vendor vendor) {
  switch (vendor) {
    case Vendor::nvidia:
      return "NVIDIA";
    case Vendor::amd:
      return "AMD";
    case Vendor::intel:
      return "Intel";
    case Vendor::unknown:
      break;
  }
  return "unknown";
}

Vendor vendor_of(std::string_view device) {
  for (const char* start : {"NVIDIA_", "Tesla_", "Quadro_", "GeForce_"}) {
    if (device.starts_with(start)) return Vendor::nvidia;
  }
  if (device.starts_with("AMD_") || device.starts_with("Radeon_")) return Vendor::amd;
  return device.starts_with("Intel") ? Vendor::intel : Vendor::unknown;
}

std::optional<Gpu> known_gpu(std::string_view device) {
  const auto capability = capability_of(whole_gpu(device));
  if (!capability) return std::nullopt;
  const auto limit = std::ranges::find(k_limits, *capability, &std::pair<int, int>::first);
  return Gpu{*capability, limit->second};
}

std::optional<std::string> whole_device_name(std::string_view device) {
  std::string with_vendor = fmt::format("NVIDIA_{}", device);
  if (capability_of(with_vendor)) return with_vendor;
  for (const auto& [name, whole] : k_cut_short) {
    if (device == name || with_vendor == name) return whole;
  }
  for (const char* name : {"MI300X", "MI325X", "MI350X", "MI355X"}) {
    if (device == name || device == fmt::format("AMD_{}", name)) return fmt::format("AMD_Instinct_{}", name);
  }
  return std::nullopt;
}

}  // namespace moetune::schema::lint
