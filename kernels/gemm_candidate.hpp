#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <string>

#include "kernels/cuda_kernel.hpp"
#include "kernels/resident_problem.hpp"

namespace moetune::kernels {

/// A loaded GEMM kernel with what it takes.
struct LoadedGemm {
  Variant variant;
  Module module;
  Function function;
  FunctionAttributes attributes;
};

/// The kernels used last, still loaded: configurations that differ in GROUP_SIZE_M and all batches share one, while
/// hundreds of loaded modules would eat device memory. Not thread-safe.
class GemmModules {
 public:
  static constexpr std::size_t k_capacity = 16;

  /// The kernel that was put under `key`, or null.
  const LoadedGemm* find(const std::string& key);
  /// Loads `cubin`, built from `variant`; the one used longest ago goes. Errors: what loading it failed with; a kernel
  /// that asks for more than the device has is_out_of_resources().
  Result<const LoadedGemm*> load(const std::string& key, const Variant& variant, std::span<const std::byte> cubin);

 private:
  struct Entry {
    std::string key;
    LoadedGemm gemm;
  };
  std::list<Entry> entries_;  // the one used last comes first
};

/// One configuration of one batch, ready to be launched. A view: kernel and problem must outlive it.
class GemmCandidate {
 public:
  GemmCandidate(const LoadedGemm& gemm, const ResidentProblem& resident, std::int64_t batch,
                const schema::TileConfig& config)
      : gemm_(gemm), resident_(resident), batch_(batch), config_(config) {}

  /// Launches one GEMM of one pass.
  Result<void> launch(const Stream& stream, Gemm gemm, std::int64_t pass) const;
  /// The same, reading A from `a` and `a_scale`.
  Result<void> launch_on(const Stream& stream, Gemm gemm, std::int64_t pass, DeviceAddress a,
                         DeviceAddress a_scale) const;

  std::int64_t batch() const { return batch_; }
  const ResidentProblem& resident() const { return resident_; }

 private:
  Result<void> start(const Stream& stream, Gemm gemm, const GemmPointers& pointers) const;
  const LoadedGemm& gemm_;
  const ResidentProblem& resident_;
  std::int64_t batch_;
  schema::TileConfig config_;
};

}  // namespace moetune::kernels
