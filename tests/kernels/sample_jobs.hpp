#pragma once

#include <cstdint>
#include <filesystem>

#include "kernels/worker_protocol.hpp"

namespace moetune::kernels::testing {

/// The fp8 problem of the published tables.
inline schema::Problem fp8_problem() {
  return {.num_experts = 256,
          .intermediate_size = 512,
          .hidden_size = 2048,
          .topk = 8,
          .dtype = schema::Dtype::fp8_w8a8,
          .block_shape = schema::BlockShape{.n = 128, .k = 128}};
}

/// One of its tiles that compiles quickly.
inline CompileJob small_job(std::int64_t id, const std::filesystem::path& output) {
  return {.id = id,
          .unit = Unit::gemm,
          .arch = "sm_90a",
          .problem = fp8_problem(),
          .config = {.block_size_m = 16,
                     .block_size_n = 32,
                     .block_size_k = 64,
                     .group_size_m = 1,
                     .num_warps = 4,
                     .num_stages = 2},
          .output = output.string()};
}

}  // namespace moetune::kernels::testing
