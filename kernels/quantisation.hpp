#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "schema/error.hpp"
#include "schema/problem.hpp"

namespace moetune::kernels {

using schema::Result;

/// Element type of A or W. The numbers are those of the device code (cuda/values.cuh).
enum class Operand { bfloat16 = 0, float16 = 1, fp8_e4m3 = 2, int8 = 3 };
std::string_view name_of(Operand operand);
int bytes_of(Operand operand);

/// Whether moetune can measure this problem with some kernel: bf16 and fp16; fp8_w8a8 with one scale for a block, for a
/// channel of W and a row of A (per_channel_quant), or for an expert's W and all of A; int8_w8a16 with one scale a
/// channel. Errors: invalid_argument that names what it is not.
Result<void> check_measurable(const schema::Problem& problem);

/// Element types of A and W for a measurable problem.
Operand activation_operand(const schema::Problem& problem);
Operand weight_operand(const schema::Problem& problem);
/// Whether A is quantised, dynamically, before each GEMM; otherwise the activation is A itself.
bool quantises_activations(const schema::Problem& problem);

/// The elements of one expert's W (n, k) that share a scale: W's scales are float (E, ceil(n / columns), ceil(k /
/// depth)), contiguous. A has a scale for the same `depth` values of a row, float (rows, ceil(k / depth)), or a single
/// one for all of it, float (1).
struct ScaleGroup {
  std::int64_t columns = 1;
  std::int64_t depth = 1;
  bool rows_share = false;  ///< all rows of A
  auto operator<=>(const ScaleGroup&) const = default;
};
/// Nothing for bf16 and fp16. n and k are those of the GEMM.
std::optional<ScaleGroup> scale_group(const schema::Problem& problem, std::int64_t n, std::int64_t k);

/// Number of scales of all of A (rows, k), and of all experts' W (E, n, k); 0 for an operand without.
std::int64_t activation_scales(const schema::Problem& problem, std::int64_t rows, std::int64_t n, std::int64_t k);
std::int64_t weight_scales(const schema::Problem& problem, std::int64_t n, std::int64_t k);

}  // namespace moetune::kernels
