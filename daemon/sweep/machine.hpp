#pragma once

#include <string>
#include <vector>

namespace moetune::daemon {

/// One GPU that sweeps may use.
struct Gpu {
  int index = 0;
  std::string device;  ///< the engines' spelling, "NVIDIA_H200"
  std::string arch;    ///< "sm_90"
  std::string target;  ///< what kernels are compiled for, "sm_90a"
  std::string uuid;
  std::string driver;
};

/// What this machine can do, found once when the daemon starts.
struct Machine {
  std::vector<Gpu> gpus;
  std::string compiler;  ///< "nvrtc 13.0"; empty without one
  std::string missing;   ///< why there is no GPU or no compiler, and what to do; empty when nothing is missing
};

}  // namespace moetune::daemon
