#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace moetune::schema {

/// What a log says computes the MoE layers.
struct MoeBackend {
  std::string words;        ///< as the log has them
  bool reads_files = true;  ///< whether that is the Triton kernel that a tuned file steers
};

/// The backend that is told of at `at`, where a word begins: "Using FLASHINFER_CUTLASS Fp8 MoE backend", "Using Triton
/// backend for FP8 MoE", "Using CUTLASS kernels for Fp8MoEMethod" (vLLM), "moe_runner_backend='triton'" (SGLang's
/// ServerArgs), "moe_backend: marlin" (vLLM's arguments). Nothing for other text and where the engine is to choose
/// ("auto").
std::optional<MoeBackend> moe_backend_at(std::string_view text, std::size_t at);

/// How many characters moe_backend_at() looks at.
inline constexpr std::size_t k_backend_reach = 256;

}  // namespace moetune::schema
