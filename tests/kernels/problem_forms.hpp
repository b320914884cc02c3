#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/problem.hpp"

namespace moetune::kernels::testing {

/// One way to quantise that moetune measures, under a name for tests.
struct ProblemForm {
  std::string name;
  schema::Dtype dtype = schema::Dtype::none;
  schema::ActDtype act_dtype = schema::ActDtype::bfloat16;
  std::optional<schema::BlockShape> block_shape = {};
  bool per_channel_quant = false;

  schema::Problem of(std::int64_t experts, std::int64_t n, std::int64_t hidden_size, std::int64_t topk) const {
    return {.num_experts = experts,
            .intermediate_size = n,
            .hidden_size = hidden_size,
            .topk = topk,
            .dtype = dtype,
            .act_dtype = act_dtype,
            .block_shape = block_shape,
            .per_channel_quant = per_channel_quant};
  }
};

/// The forms that Triton's kernels alone compute.
inline std::vector<ProblemForm> triton_forms() {
  return {{.name = "fp8_per_tensor", .dtype = schema::Dtype::fp8_w8a8},
          {.name = "fp8_per_channel", .dtype = schema::Dtype::fp8_w8a8, .per_channel_quant = true},
          {.name = "int8_w8a16", .dtype = schema::Dtype::int8_w8a16}};
}

inline std::vector<ProblemForm> all_forms() {
  std::vector<ProblemForm> forms = {
      {.name = "bfloat16"},
      {.name = "float16", .act_dtype = schema::ActDtype::float16},
      {.name = "fp8_in_blocks", .dtype = schema::Dtype::fp8_w8a8, .block_shape = schema::BlockShape{16, 8}}};
  for (auto& form : triton_forms()) forms.push_back(std::move(form));
  return forms;
}

}  // namespace moetune::kernels::testing
