#pragma once

#include <string>

#include "schema/trial.hpp"

namespace moetune::kernels::testing {

inline schema::Problem sample_problem() {
  return {.num_experts = 256,
          .intermediate_size = 512,
          .hidden_size = 2048,
          .topk = 8,
          .dtype = schema::Dtype::fp8_w8a8,
          .block_shape = schema::BlockShape{128, 128}};
}

inline schema::TileConfig sample_config(int block_size_m = 16) {
  return {.block_size_m = block_size_m,
          .block_size_n = 128,
          .block_size_k = 128,
          .group_size_m = 1,
          .num_warps = 4,
          .num_stages = 3};
}

/// An ok row of sample_problem() as a recording has it.
inline schema::Trial sample_trial() {
  schema::Trial trial;
  trial.group.device = "NVIDIA_H200";
  trial.group.problem = sample_problem();
  trial.group.kernel = "cuda";
  trial.group.kernel_digest = "d1";
  trial.group.compiler = "nvrtc 13.0";
  trial.arch = "sm_90";
  trial.batch = 1;
  trial.config = sample_config();
  trial.latency_us = 18.0;
  trial.samples_us = {17.5, 18.0, 18.5, 19.0};
  trial.measured_at = schema::Timestamp{1'800'000'000'000};
  return trial;
}

inline std::string line_of(const schema::Trial& trial) {
  return schema::to_json(trial).dump() + "\n";
}

}  // namespace moetune::kernels::testing
