#include "schema/trial.hpp"

#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

constexpr const char* k_line =
    R"({"device": "NVIDIA_H200", "arch": "sm_90", "E": 256, "N": 512, "hidden_size": 2048, "topk": 8, "dtype": "fp8_w8a8",)"
    R"( "block_shape": [128, 128], "batch": 1, "config": {"BLOCK_SIZE_M": 64, "BLOCK_SIZE_N": 128, "BLOCK_SIZE_K": 128,)"
    R"( "GROUP_SIZE_M": 1, "num_warps": 4, "num_stages": 3}, "kernel": "vllm", "kernel_digest": "ab12", "compiler": "triton 3.6.0",)"
    R"( "status": "ok", "latency_us": 18.02, "samples_us": [18.1, 18.02, 17.9], "l2": "cold", "routing": "uniform",)"
    R"( "measured_at": "2026-11-20T10:15:00Z"})";

nlohmann::json object() {
  return nlohmann::json::parse(k_line);
}

TEST(TrialTest, ReadsTheDocumentedLine) {
  const auto trial = trial_from_line(k_line);
  ASSERT_TRUE(trial) << trial.error().message;
  EXPECT_EQ(trial->latency_us, 18.02);
  EXPECT_EQ(trial->group.origin, Origin::measured);
  EXPECT_EQ(trial->group.problem.act_dtype, ActDtype::bfloat16);
}

TEST(TrialTest, EveryFieldSurvivesTheRoundTrip) {
  Trial trial = trial_from_line(k_line).value();
  trial.group.origin = Origin::recorded;
  trial.stages_us = {{"alignment", 3.25}};
  trial.gpu_uuid = "GPU-1";
  trial.driver = "580.1";
  trial.sm_clock_mhz = 1980;
  trial.throttle = "power";
  trial.tool_version = "0.1.0";
  trial.log_tail = "line\nline";
  trial.sweep = "abcd1234-7";
  trial.rounds = {2, 1};
  trial.rounds_of = "abcd1234-6";
  EXPECT_EQ(trial_from_line(to_json(trial).dump()).value(), trial);
  trial.status = TrialStatus::compiler_crash;
  trial.latency_us.reset();
  trial.samples_us.clear();
  trial.rounds.clear();
  trial.rounds_of.reset();
  EXPECT_EQ(trial_from_line(to_json(trial).dump()).value(), trial);
}

TEST(TrialTest, RoundsAddUpToTheSamples) {
  nlohmann::json line = object();
  line["rounds"] = {2, 2};
  EXPECT_EQ(trial_from_json(line).error().message, "trial.rounds must add up to the 3 numbers of samples_us, not 4");
  line["rounds"] = {3, 0};
  EXPECT_NE(trial_from_json(line).error().message.find("trial.rounds"), std::string::npos);
  line.erase("rounds");
  line["rounds_of"] = "abcd1234-7";
  EXPECT_EQ(trial_from_json(line).error().message, "trial.rounds_of needs the rounds that it is about");
}

TEST(TrialTest, EveryRequiredFieldIsRequired) {
  for (const char* name :
       {"device", "arch", "E", "N", "hidden_size", "topk", "dtype", "block_shape", "batch", "config", "kernel",
        "kernel_digest", "compiler", "status", "latency_us", "samples_us", "l2", "routing", "measured_at"}) {
    nlohmann::json broken = object();
    broken.erase(name);
    const auto trial = trial_from_json(broken);
    ASSERT_FALSE(trial) << name;
    EXPECT_NE(trial.error().message.find(name), std::string::npos) << trial.error().message;
  }
}

TEST(TrialTest, WrongTypesNameTheField) {
  const nlohmann::json good = object();
  for (const auto& [name, value] : good.items()) {
    nlohmann::json broken = object();
    broken[name] = nlohmann::json::object({{"x", 1}});
    const auto trial = trial_from_json(broken);
    ASSERT_FALSE(trial) << name;
    EXPECT_NE(trial.error().message.find(name == "config" ? "config" : name), std::string::npos)
        << trial.error().message;
  }
}

TEST(TrialTest, LatencyBelongsToOkOnly) {
  nlohmann::json failed = object();
  failed["status"] = "launch_error";
  EXPECT_EQ(trial_from_json(failed).error().message, "trial.latency_us must be null when status is launch_error");
  nlohmann::json empty = object();
  empty["latency_us"] = nullptr;
  EXPECT_EQ(trial_from_json(empty).error().message, "trial.latency_us must be a number when status is ok");
  nlohmann::json zero = object();
  zero["latency_us"] = 0;
  EXPECT_FALSE(trial_from_json(zero));
}

TEST(TrialTest, DtypeAndBlockShapeMayBeNull) {
  nlohmann::json plain = object();
  plain["dtype"] = nullptr;
  plain["block_shape"] = nullptr;
  EXPECT_EQ(trial_from_json(plain).value().group.problem.dtype, Dtype::none);
}

TEST(TrialTest, MedianOfEvenAndOddCounts) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({7}), 7);
}

}  // namespace
}  // namespace moetune::schema
