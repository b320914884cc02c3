#pragma once

#include <compare>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "schema/error.hpp"
#include "schema/strict_json.hpp"

namespace moetune::schema {

/// Quantisation of weights and activations, named as in the engines' file names; `none` is bf16/fp16 (JSON null).
enum class Dtype { none, fp8_w8a8, fp8_w8a16, int8_w8a16, int8_w8a8, int4_w4a16, float32 };
enum class ActDtype { bfloat16, float16 };

/// Empty for Dtype::none, otherwise the engines' spelling, e.g. "fp8_w8a8".
std::string_view name_of(Dtype dtype);
std::string_view name_of(ActDtype dtype);
/// Errors: invalid_argument listing the accepted names. Null and absent are Dtype::none.
Result<Dtype> dtype_from_name(std::string_view name);
Result<ActDtype> act_dtype_from_name(std::string_view name);

/// Shape of one quantisation block of the weights, in elements: n along the output, k along the reduction.
struct BlockShape {
  int n = 0;
  int k = 0;
  auto operator<=>(const BlockShape&) const = default;
};

/// What a fused MoE step computes, apart from the batch size. Shapes: x (M, hidden_size);
/// w1 (num_experts, 2 * intermediate_size, hidden_size) when gated, else (num_experts, intermediate_size, hidden_size);
/// w2 (num_experts, hidden_size, intermediate_size).
struct Problem {
  std::int64_t num_experts = 0;        ///< E, experts on this rank
  std::int64_t intermediate_size = 0;  ///< N, after the activation, on this rank
  std::int64_t hidden_size = 0;        ///< K
  std::int64_t topk = 0;               ///< experts per token
  Dtype dtype = Dtype::none;
  ActDtype act_dtype = ActDtype::bfloat16;
  std::optional<BlockShape> block_shape;
  bool gated = true;
  bool per_channel_quant = false;
  bool router_weight_on_input = false;  ///< GEMM 1 multiplies by the router's weights instead of GEMM 2 (Llama 4)

  auto operator<=>(const Problem&) const = default;
};

/// The largest batch size (number of tokens M) that anything accepts.
inline constexpr std::int64_t k_max_batch = 1 << 20;

/// Reads the problem's fields (E, N, hidden_size, topk, dtype, act_dtype, block_shape, gated, per_channel_quant,
/// router_weight_on_input) from an object that may have others; the caller finishes the reader.
enum class Absent { error, none };  ///< what a missing dtype or block_shape means
Problem read_problem(ObjectReader& reader, Absent absent);

/// Writes the same fields into `object`, in that order.
void write_problem(const Problem& problem, nlohmann::ordered_json& object);

/// "[128,128]" style text for file names and query parameters; accepts "128,128" and "[128,128]" with spaces.
Result<BlockShape> block_shape_from_text(std::string_view text);

/// Checks that belong together: topk <= E, block_shape only with a quantised dtype, block sizes positive.
Result<void> validate(const Problem& problem);

/// "E=256,N=512,hidden_size=2048,topk=8,fp8_w8a8,block_shape=[128,128]" for messages.
std::string short_text(const Problem& problem);

}  // namespace moetune::schema
