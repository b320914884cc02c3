#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/artifact_file.hpp"
#include "kernels/worker_protocol.hpp"
#include "tests/kernels/temp_file.hpp"
#include "tests/kernels/worker_session.hpp"

namespace moetune::kernels::testing {

/// The real worker on a driver that computes nothing and fails as it is told to: what it does with a GPU, without one.
class FakeGpuTest : public ::testing::Test {
 protected:
  FakeGpuTest() {
    request_.problem.num_experts = 8;
    request_.problem.intermediate_size = 64;
    request_.problem.hidden_size = 128;
    request_.problem.topk = 2;
    request_.batches = {1, 16};
    request_.step_artifact = artifact("step", "us=1", Unit::step);
    environment_ = {{"LD_LIBRARY_PATH", MOETUNE_FAKE_DRIVER}};
  }

  /// An artifact whose code tells the driver how to behave; its path.
  std::string artifact(const std::string& name, const std::string& behaviour, Unit unit = Unit::gemm,
                       const nlohmann::json& options = nlohmann::json::object()) {
    Artifact made;
    made.parts.unit = unit;
    made.parts.options = options;
    made.cubin = behaviour;
    const auto path = folder_.path() / name;
    if (auto written = write_artifact(path, made); !written) ADD_FAILURE() << written.error().message;
    return path.string();
  }

  /// The same as Triton would have compiled it, with every scale among the parameters.
  std::string triton_artifact(const std::string& name, const std::string& behaviour) {
    Artifact made;
    made.parts.unit = Unit::gemm;
    made.cubin = behaviour;
    auto parameters = nlohmann::json::array();
    for (const char* pointer : {"a_ptr", "b_ptr", "c_ptr", "a_scale_ptr", "b_scale_ptr", "topk_weights_ptr"}) {
      parameters.push_back({{"name", pointer}, {"type", "*fp32"}});
    }
    for (const char* integer : {"N", "K", "EM", "num_valid_tokens", "stride_asm", "stride_bse", "stride_bsn"}) {
      parameters.push_back({{"name", integer}, {"type", "i32"}});
    }
    made.info.launch = {{"name", "fused_moe_kernel"},
                        {"num_warps", 4},
                        {"num_ctas", 1},
                        {"launch_pdl", false},
                        {"parameters", parameters},
                        {"launch_cooperative_grid", false},
                        {"global_scratch_bytes", 0},
                        {"global_scratch_align", 1},
                        {"profile_scratch_bytes", 0},
                        {"profile_scratch_align", 1}};
    const auto path = folder_.path() / name;
    if (auto written = write_artifact(path, made); !written) ADD_FAILURE() << written.error().message;
    return path.string();
  }

  MeasureJob job(const std::string& behaviour, std::int64_t batch = 1) {
    MeasureJob job;
    job.id = next_id_++;
    job.batch = batch;
    job.config = {
        .block_size_m = 16, .block_size_n = 32, .block_size_k = 32, .group_size_m = 1, .num_warps = 4, .num_stages = 2};
    job.gemm_1 = job.gemm_2 = artifact("gemm" + std::to_string(job.id), behaviour);
    return job;
  }

  /// GEMM 1 with `up` and the tile of job(), GEMM 2 with `down` and another.
  MeasureJob pair(const std::string& up, const std::string& down) {
    MeasureJob pair = job(up);
    pair.config.down =
        schema::DownTile{.block_size_n = 64, .block_size_k = 64, .group_size_m = 4, .num_warps = 8, .num_stages = 3};
    pair.gemm_2 = artifact("down" + std::to_string(pair.id), down);
    return pair;
  }

  /// A worker with the problem open.
  std::unique_ptr<WorkerSession> start(const std::vector<std::string>& arguments = {}) {
    std::vector<std::string> argv = {MOETUNE_MEASURE_WORKER};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    auto worker = std::make_unique<WorkerSession>(argv, environment_);
    EXPECT_TRUE(worker->receive());
    ready_ = worker->open(request_);
    return worker;
  }
  void set(const std::string& name, const std::string& value) { environment_.emplace_back(name, value); }

  TempFolder folder_;
  OpenProblem request_;
  WorkerSession::Environment environment_;
  MeasureReady ready_;
  std::int64_t next_id_ = 1;
};

}  // namespace moetune::kernels::testing
