#pragma once

#include <map>
#include <optional>
#include <string>

namespace moetune::daemon {

/// The times of the two GEMMs in a row's stages_us, microseconds; empty where they were not timed apart.
struct GemmTimes {
  std::optional<double> gemm_1_us;
  std::optional<double> gemm_2_us;
};

inline GemmTimes gemm_times(const std::map<std::string, double>& stages_us) {
  const auto stage = [&](const char* name) {
    const auto found = stages_us.find(name);
    return found == stages_us.end() ? std::nullopt : std::optional(found->second);
  };
  return {stage("gemm_1"), stage("gemm_2")};
}

}  // namespace moetune::daemon
