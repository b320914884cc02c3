#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/gemm_kernel.hpp"
#include "schema/error.hpp"

namespace moetune::kernels {

/// One parameter of a cubin that Triton made, under its name in the kernel's source.
struct TritonParameter {
  std::string name;
  std::string type;  ///< as Triton writes it: "*bf16", "i32", "i64"
  bool operator==(const TritonParameter&) const = default;
};

/// How a kernel that Triton compiled is launched: what kernels/triton/README.md calls "launch".
struct TritonLaunch {
  std::string name;  ///< of the kernel in its module
  int num_warps = 0;
  int num_ctas = 1;
  bool launch_pdl = false;  ///< programmatic dependent launch
  bool cooperative = false;
  std::int64_t global_scratch_bytes = 0;   ///< for each block
  std::int64_t profile_scratch_bytes = 0;  ///< for each block
  std::vector<TritonParameter> parameters;
  bool operator==(const TritonLaunch&) const = default;
};

/// Errors: invalid_argument that names the field; also for what moetune does not launch (several CTAs, cooperative
/// grids, scratch memory), which no kernel of the engines uses.
schema::Result<TritonLaunch> triton_launch_from_json(const nlohmann::json& value);

/// The values of a launch's parameters, packed as the driver wants them. Move-only; arguments() points into it.
class TritonArguments {
 public:
  /// Strides are in elements. Errors: invalid_argument naming a parameter that has no value, or a value that its type
  /// does not hold.
  static schema::Result<TritonArguments> of(const TritonLaunch& launch, const GemmCall& call);
  TritonArguments(TritonArguments&&) = default;
  TritonArguments& operator=(TritonArguments&&) = default;

  std::span<void* const> arguments() const { return pointers_; }
  /// For tests: the value of each parameter.
  const std::vector<std::uint64_t>& values() const { return values_; }

 private:
  TritonArguments() = default;
  std::vector<std::uint64_t> values_;  ///< little-endian, so that an i32 is the first half
  std::vector<void*> pointers_;
};

/// Blocks of one launch: ceil(EM / BLOCK_SIZE_M) x ceil(n / BLOCK_SIZE_N).
std::int64_t triton_grid(const GemmCall& call);

}  // namespace moetune::kernels
