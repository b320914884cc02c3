#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "kernels/gemm_kernel.hpp"
#include "kernels/resident_problem.hpp"

namespace moetune::kernels {

/// What a loaded kernel is known by: the file that it came from and the tile that it is launched as. One file may be
/// asked for as two tiles, which is for load_gemm() to refuse, not to be answered with the other tile's kernel.
class GemmKey {
 public:
  GemmKey(std::string path, const schema::TileConfig& tile) : path_(std::move(path)), tile_(tile) {
    tile_.group_size_m = 1;  // given with each launch, or part of the code and so of the path
  }
  const std::string& path() const { return path_; }
  const schema::TileConfig& tile() const { return tile_; }
  bool operator==(const GemmKey&) const = default;

 private:
  std::string path_;
  schema::TileConfig tile_;
};

/// The kernels used last, still loaded: configurations that differ in GROUP_SIZE_M and all batches share them, while
/// hundreds of loaded modules would eat device memory. Not thread-safe.
class GemmModules {
 public:
  static constexpr std::size_t k_capacity = 16;

  /// The kernel that was put under `key`, or null.
  const GemmKernel* find(const GemmKey& key);
  /// Keeps it; the one used longest ago goes, never the one used last.
  const GemmKernel* put(const GemmKey& key, std::unique_ptr<GemmKernel> kernel);

 private:
  struct Entry {
    GemmKey key;
    std::unique_ptr<GemmKernel> kernel;
  };
  std::list<Entry> entries_;  // the one used last comes first
};

/// The kernels of the two GEMMs of a step; one and the same for a kernel that computes both with one tile.
struct GemmPair {
  const GemmKernel* first = nullptr;
  const GemmKernel* second = nullptr;
};

/// One configuration of one batch, ready to be launched, each GEMM with its own tile. A view: kernels and problem must
/// outlive it.
class GemmCandidate {
 public:
  GemmCandidate(const GemmPair& kernels, const ResidentProblem& resident, std::int64_t batch,
                const schema::TileConfig& config)
      : kernels_(kernels), resident_(resident), batch_(batch), config_(config) {}

  /// Launches one GEMM of one pass.
  Result<void> launch(const Stream& stream, Gemm gemm, std::int64_t pass) const;
  /// The same, reading A from `a` and `a_scale`.
  Result<void> launch_on(const Stream& stream, Gemm gemm, std::int64_t pass, DeviceAddress a,
                         DeviceAddress a_scale) const;

  std::int64_t batch() const { return batch_; }
  const ResidentProblem& resident() const { return resident_; }

 private:
  Result<void> start(const Stream& stream, Gemm gemm, const GemmPointers& pointers) const;
  GemmPair kernels_;
  const ResidentProblem& resident_;
  std::int64_t batch_;
  schema::TileConfig config_;
};

}  // namespace moetune::kernels
