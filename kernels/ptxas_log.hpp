#pragma once

#include <cstdint>
#include <string_view>

namespace moetune::kernels {

/// What ptxas says about the kernels of one compilation when asked with -v: the largest value over its kernels.
struct PtxasUse {
  std::int64_t registers = 0;    ///< per thread, 0 when the log does not say
  std::int64_t spill_bytes = 0;  ///< stored per thread
  bool operator==(const PtxasUse&) const = default;
};

/// Reads lines like "ptxas info : Used 168 registers, ..." and "... 16 bytes spill stores, 8 bytes spill loads".
PtxasUse read_ptxas_log(std::string_view log);

}  // namespace moetune::kernels
