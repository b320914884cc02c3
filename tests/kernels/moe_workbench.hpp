#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/alignment.hpp"
#include "kernels/cuda_driver.hpp"
#include "kernels/cuda_kernel.hpp"
#include "kernels/nvrtc.hpp"
#include "kernels/step_kernels.hpp"
#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

namespace moetune::kernels {

/// A compiled and loaded tile; `launch_ready` has had its shared memory allowed.
struct LoadedTile {
  Variant variant;
  Module module;
  std::optional<Function> function;
  FunctionAttributes attributes;
};

/// The value of a Result, or the end of the program with its message: tests and benchmarks cannot go on.
template <typename T>
T must(Result<T> result);
void must(Result<void> result);
[[noreturn]] void give_up(const std::string& message);

/// Inputs and outputs of one problem on device 0, for tests and benchmarks: `sets` copies of the weights, and for each
/// of `routings` an alignment of its own. Not thread-safe.
class MoeWorkbench {
 public:
  struct Options {
    schema::Problem problem;
    std::int64_t max_batch = 1;
    int sets = 1;
    int routings = 1;
    std::uint64_t seed = 1;
  };
  MoeWorkbench(const Context& context, const Nvrtc& nvrtc, const Options& options);

  /// Draws the routings for `batch` tokens; with `topk_ids`, all of them are that one.
  void route(std::int64_t batch, const std::vector<std::int32_t>* topk_ids = nullptr);
  /// Aligns every routing to row blocks of that size.
  void align(int block_size_m);
  LoadedTile load(const Variant& variant, std::span<const std::byte> cubin) const;

  GemmPointers pointers(Gemm gemm, int set, int routing) const;
  void gemm(const LoadedTile& tile, const schema::TileConfig& config, Gemm which, int set, int routing) const;
  /// Activation and quantisation: C of the first GEMM becomes A of the second.
  void connect() const;
  /// The sum over topk of the second GEMM's C.
  void reduce() const;
  /// Relative Frobenius error of the last run of a GEMM, against the reference on the device.
  double error(Gemm which, int set, int routing, const PairSample& sample) const;

  const Stream& stream() const { return stream_; }
  const StepKernels& step() const { return step_; }
  std::int64_t batch() const { return batch_; }
  const schema::Problem& problem() const { return options_.problem; }

  std::vector<std::byte> bytes(DeviceAddress address, std::int64_t size) const;
  DeviceAddress topk_ids(int routing) const { return routings_[static_cast<std::size_t>(routing)].ids.address(); }
  DeviceAddress topk_weights(int routing) const {
    return routings_[static_cast<std::size_t>(routing)].weights.address();
  }
  DeviceAddress activated() const { return activated_.address(); }
  DeviceAddress output() const { return output_.address(); }
  /// Overwrites C of both GEMMs with not-a-number, so that unwritten elements show.
  void poison() const;

 private:
  struct WeightSet {
    DeviceBuffer w1, w2, w1_scale, w2_scale;
  };
  struct Routing {
    DeviceBuffer ids, weights, sorted, experts, padded, workspace;
  };

  Options options_;
  Operand operand_;
  Stream stream_;
  StepKernels step_;
  std::vector<WeightSet> sets_;
  std::vector<Routing> routings_;
  DeviceBuffer x_, x_scale_, c1_, activated_, a2_, a2_scale_, c2_, output_, sums_, expected_;
  std::int64_t batch_ = 0;
  bool naive_ = false;
};

/// Compiles in `jobs` threads; the outcomes are in the order of the requests.
std::vector<CompileOutcome> compile_all(const Nvrtc& nvrtc, const std::vector<CompileRequest>& requests, int jobs);

/// The tiles of vLLM's space as they really run for this problem, each once, with GROUP_SIZE_M 1.
std::vector<schema::TileConfig> vllm_tiles(const schema::Problem& problem);

template <typename T>
T must(Result<T> result) {
  if (!result) give_up(result.error().message);
  return std::move(*result);
}

}  // namespace moetune::kernels
