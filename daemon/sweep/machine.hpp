#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "daemon/sweep/triton_toolchain.hpp"
#include "schema/error.hpp"

namespace moetune::daemon {

/// One GPU that sweeps may use.
struct Gpu {
  int index = 0;
  std::string device;  ///< as rows have it, "NVIDIA_H200"
  std::string arch;    ///< "sm_90"
  std::string target;  ///< what kernels are compiled for, "sm_90a"
  std::string uuid;
  std::string driver;
};

/// What this machine can do, found once when the daemon starts.
struct Machine {
  std::vector<Gpu> gpus;
  std::string compiler;          ///< "nvrtc 13.0"; empty without one
  std::string missing;           ///< why there is no GPU or no compiler, and what to do; empty when nothing is missing
  TritonToolchain triton;        ///< the compiler of all kernels but cuda
  nlohmann::ordered_json facts;  ///< all that the measure worker's probe said
};

/// Asks `measure_worker --probe`, a process of its own because looking at a GPU needs the driver. `gpus`: the indexes
/// that sweeps may use; empty for all. A machine without GPU or compiler is no error. Errors: invalid_argument for an
/// index that is not there; unavailable when the probe itself cannot run.
schema::Result<Machine> examine_machine(const std::filesystem::path& measure_worker, const std::vector<int>& gpus,
                                        TritonToolchain::Paths triton);

}  // namespace moetune::daemon
