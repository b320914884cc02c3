#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/alignment.hpp"
#include "kernels/cuda_driver.hpp"
#include "kernels/gemm_kernel.hpp"
#include "kernels/nvrtc.hpp"
#include "kernels/quantisation.hpp"
#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

namespace moetune::kernels {

/// Everything that the machine code of the kernel `cuda` depends on, apart from source and compiler. GROUP_SIZE_M,
/// batch and shape are run-time arguments: one artifact serves them all, and both GEMMs.
struct Variant {
  std::string arch;                                      ///< what NVRTC compiles for, e.g. "sm_90a"
  Operand operand = Operand::bfloat16;                   ///< of A and W
  schema::ActDtype output = schema::ActDtype::bfloat16;  ///< type of C
  std::optional<schema::BlockShape> block_shape;         ///< of the weights' scales; fp8 only
  int block_size_m = 0;
  int block_size_n = 0;
  int block_size_k = 0;  ///< after the clamp to block_shape
  int num_warps = 0;
  int num_stages = 0;
  auto operator<=>(const Variant&) const = default;
};

/// One line that names every field, e.g. for the key of an artifact.
std::string canonical_text(const Variant& variant);

/// The name of the kernel in its module.
inline constexpr const char* k_gemm_entry = "moe_gemm";

/// The SHA-256 of all device source that a variant is compiled from, as 64 hex digits: part of every artifact's key.
const std::string& kernel_digest();

/// "sm_90a" for 9.0 (wgmma), else "sm_" + major + minor.
std::string arch_of(int cc_major, int cc_minor);

/// What kernels for the architecture of a trial are compiled for: "sm_90a" for "sm_90", else the same.
std::string compile_arch_of(const std::string& arch);

/// Most bytes of shared memory of one block on that architecture; nothing for an architecture not known here.
std::optional<std::int64_t> shared_limit_of(std::string_view arch);

/// Whether the kernel `cuda` computes this problem: bf16, fp16 and fp8_w8a8 with block_shape, rows of whole 16 bytes.
/// check_measurable() has what other kernels compute. Errors: invalid_argument that names what is not supported, and
/// which kernels do.
Result<void> check_supported(const schema::Problem& problem);

/// Errors: as check_supported; invalid_argument for a tile that the kernel does not have (BLOCK_SIZE_M or _N under 16,
/// BLOCK_SIZE_K under 32 bytes, more than 16 warps, tiles beyond 256).
Result<Variant> make_variant(const schema::Problem& problem, const schema::TileConfig& config, std::string_view arch);

/// Dynamic shared memory of one block in bytes; the kernel has no other. num_stages buffers of
/// (BLOCK_SIZE_M + BLOCK_SIZE_N) x BLOCK_SIZE_K elements and, for fp8, their scales; 8 bytes per row of the tile.
std::int64_t shared_bytes(const Variant& variant);

/// True when a block fits into that much shared memory. A variant that does not fit is out_of_resources: there is no
/// need to compile it.
bool fits(const Variant& variant, std::int64_t shared_limit);

/// What to hand to NVRTC; `extra` options come last (tests plant faults with them).
CompileRequest compile_request(const Variant& variant, const std::vector<std::string>& extra = {});

/// The parameters of the kernel in its order, and the geometry of one launch. Copyable; pack() points into this object.
struct GemmLaunch {
  GemmPointers pointers;
  std::int32_t n = 0;
  std::int32_t k = 0;
  std::int32_t em = 0;
  std::int32_t num_valid_tokens = 0;
  std::int32_t stride_am = 0;  ///< strides in elements
  std::int64_t stride_be = 0;
  std::int32_t stride_bn = 0;
  std::int32_t stride_cm = 0;
  std::int32_t stride_asm = 0;
  std::int32_t stride_bse = 0;
  std::int32_t stride_bsn = 0;
  std::int32_t top_k = 1;
  std::int32_t mul_routed_weight = 0;
  std::int32_t group_size_m = 1;
  LaunchShape shape;

  static constexpr std::size_t k_parameters = 23;
  std::array<void*, k_parameters> pack();
};

/// Contiguous operands in the layouts of GemmPointers. `config` need not be effective; its GROUP_SIZE_M is used.
GemmLaunch gemm_launch(const schema::Problem& problem, const schema::TileConfig& config, const Variant& variant,
                       std::int64_t batch, Gemm gemm, const GemmPointers& pointers);

/// Launches `function`, found as k_gemm_entry in a module compiled from the launch's variant, after
/// Function::allow_shared(shape.shared_bytes).
Result<void> launch(const Function& function, GemmLaunch launch, const Stream& stream);

}  // namespace moetune::kernels
