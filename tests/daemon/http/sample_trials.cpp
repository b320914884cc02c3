#include "tests/daemon/http/sample_trials.hpp"

namespace moetune::daemon::http {

schema::Trial sample_trial(std::int64_t batch, std::int64_t variant) {
  schema::Trial trial;
  trial.group.device = "NVIDIA_H200";
  trial.group.problem = {
      256, 512, 2048, 8, schema::Dtype::fp8_w8a8, schema::ActDtype::bfloat16, schema::BlockShape{128, 128}};
  trial.group.kernel = "vllm";
  trial.group.kernel_digest = "0123456789abcdef";
  trial.group.compiler = "triton 3.6.0";
  trial.arch = "sm_90";
  trial.batch = batch;
  trial.config = {16 << (variant % 4),
                  32 << (variant / 4 % 4),
                  64 << (variant / 16 % 2),
                  1 + static_cast<int>(variant / 32 % 1024),
                  4,
                  3};
  const double latency = 20.0 + 0.25 * static_cast<double>(variant % 1000);
  trial.latency_us = latency;
  trial.samples_us = {latency - 0.125, latency, latency + 0.125};
  trial.measured_at = {1'790'000'000'000 + variant * 1000};
  return trial;
}

std::string sample_lines(std::int64_t count) {
  std::string lines;
  for (std::int64_t i = 0; i < count; ++i)
    lines += schema::to_json(sample_trial(1 + i / 32'768, i % 32'768)).dump() + "\n";
  return lines;
}

std::string heavy_line(std::int64_t variant) {
  schema::Trial trial = sample_trial(1, variant);
  trial.status = schema::TrialStatus::compiler_crash;
  trial.latency_us.reset();
  trial.samples_us.clear();
  trial.log_tail = std::string(30'000, 'x');
  return schema::to_json(trial).dump() + "\n";
}

}  // namespace moetune::daemon::http
