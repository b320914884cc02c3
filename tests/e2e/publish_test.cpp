// Folders that engines read, kept up to date by the real executables.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <random>
#include <thread>

#include "kernels/sha256.hpp"
#include "schema/engine_rules.hpp"
#include "tests/e2e/running_daemon.hpp"
#include "tests/file_bytes.hpp"

namespace moetune::e2e {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

const std::string k_vllm = "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json";
const std::string k_sglang =
    "configs/triton_3_6_0/E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128]";

class PublishTest : public testing::Test {
 protected:
  RunningDaemon::Options options() const {
    return {.data_dir = folder_.path() / "data",
            .cache_dir = folder_.path() / "cache",
            .arguments = {"--publish", target_.string()}};
  }
  /// Rows of one engine's kernel that somebody measured: in each batch a default of 100 us and a tile of `us`, whose
  /// GEMM 2 has a tile of its own for SGLang. `round` makes the tile another one.
  static std::string rows(const std::string& kernel, double us, int round = 0, std::int64_t hidden_size = 2048) {
    schema::Trial trial;
    trial.group.device = "NVIDIA_H200";
    trial.group.problem = {
        256, 512, hidden_size, 8, schema::Dtype::fp8_w8a8, schema::ActDtype::bfloat16, schema::BlockShape{128, 128}};
    trial.group.kernel = kernel;
    trial.group.kernel_digest = "feed";
    trial.group.compiler = "triton 3.6.0";
    trial.arch = "sm_90";
    trial.sweep = fmt::format("elsewhere-{}", round);
    std::string lines;
    const auto add = [&](const schema::TileConfig& config, double latency) {
      trial.config = config;
      trial.latency_us = latency;
      trial.samples_us = {latency * 0.999, latency, latency * 1.001};
      lines += schema::to_json(trial).dump() + "\n";
    };
    for (trial.batch = 1; trial.batch <= 4096; trial.batch *= 2) {
      const schema::TileConfig fallback = schema::default_config(trial.group.problem, trial.batch);
      add(fallback, 100);
      schema::TileConfig up = fallback;
      up.group_size_m = 2 + round;
      schema::TileConfig down = up;
      down.num_stages = 5;
      add(kernel == "sglang" ? paired(up, down) : up, us);
    }
    return lines;
  }
  static void import_rows(const RunningDaemon& daemon, const std::string& lines) {
    ASSERT_EQ(daemon.post("/import", lines, "application/x-ndjson").status, 200);
  }
  static std::int64_t metric(const RunningDaemon& daemon, const std::string& name) {
    const std::string text = "\n" + daemon.get("/metrics").body;
    const auto at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stoll(text.substr(at + name.size() + 2));
  }
  static bool reaches(const std::function<bool()>& wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      if (wanted()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  Finished moetune(const RunningDaemon& daemon, std::vector<std::string> words) const {
    words.insert(words.begin(), {executable("moetune"), "--server", daemon.url()});
    return run_program(words);
  }
  /// Every file that the manifest names is there, with the bytes that it says, and every pair is whole.
  void expect_true_manifest() const {
    if (!fs::exists(target_ / "moetune.json")) return;
    const json manifest = json::parse(file_bytes(target_ / "moetune.json"), nullptr, false);
    ASSERT_TRUE(manifest.is_object());
    for (const auto& [path, entry] : manifest["files"].items()) {
      EXPECT_EQ(kernels::sha256_hex(file_bytes(target_ / path)), entry["sha256"].get<std::string>()) << path;
      EXPECT_TRUE(json::accept(file_bytes(target_ / path))) << path;
    }
    const json up = json::parse(file_bytes(target_ / (k_sglang + ".json")), nullptr, false);
    const json down = json::parse(file_bytes(target_ / (k_sglang + "_down.json")), nullptr, false);
    EXPECT_EQ(up.is_object(), down.is_object());
    if (up.is_object()) {
      EXPECT_EQ(up["1"]["GROUP_SIZE_M"], down["1"]["GROUP_SIZE_M"]) << "of two publications";
    }
  }

  TempFolder folder_;
  const fs::path target_ = folder_.path() / "published";
};

TEST_F(PublishTest, TheDaemonFollowsWhatIsImported) {
  RunningDaemon daemon(options());
  import_rows(daemon, rows("vllm", 90));
  ASSERT_TRUE(reaches([&] { return metric(daemon, "moetune_publish_files") == 1; })) << daemon.log();
  EXPECT_EQ(file_bytes(target_ / k_vllm), daemon.get("/export?E=256&N=512&kernel=vllm").body);
  import_rows(daemon, rows("sglang", 80));
  ASSERT_TRUE(reaches([&] { return metric(daemon, "moetune_publish_files") == 3; })) << daemon.log();
  const std::string sglang = "/export?E=256&N=512&format=sglang";
  EXPECT_EQ(file_bytes(target_ / (k_sglang + ".json")), daemon.get(sglang).body);
  EXPECT_EQ(file_bytes(target_ / (k_sglang + "_down.json")), daemon.get(sglang + "&gemm=down").body);
  expect_true_manifest();
  // Another model with the same file name.
  import_rows(daemon, rows("vllm", 85, 3, 7168));
  ASSERT_TRUE(reaches([&] {
    return file_bytes(target_ / k_vllm) == daemon.get("/export?E=256&N=512&kernel=vllm&merge=1").body;
  })) << daemon.log();
  const json source = json::parse(file_bytes(target_ / "moetune.json"))["files"][k_vllm]["source"];
  EXPECT_EQ(source["problems"].size(), 2U);
  EXPECT_THAT(source["keys"]["1"]["reason"].get<std::string>(), HasSubstr("default kept"));
}

TEST_F(PublishTest, TheCommandLineAgreesWithTheDaemon) {
  RunningDaemon daemon(options());
  import_rows(daemon, rows("vllm", 90) + rows("sglang", 80));
  ASSERT_TRUE(reaches([&] { return metric(daemon, "moetune_publish_files") == 3; })) << daemon.log();
  const auto manifest = file_bytes(target_ / "moetune.json");
  const auto done = moetune(daemon, {"--json", "publish", target_.string()});
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(json::parse(done.out)["unchanged"].size(), 3U);
  EXPECT_EQ(json::parse(done.out)["written"].size(), 0U);
  EXPECT_EQ(file_bytes(target_ / "moetune.json"), manifest);
  const auto elsewhere = folder_.path() / "other";
  ASSERT_EQ(moetune(daemon, {"publish", elsewhere.string()}).status, 0);
  for (const auto& path : {k_vllm, k_sglang + ".json", k_sglang + "_down.json"}) {
    EXPECT_EQ(file_bytes(elsewhere / path), file_bytes(target_ / path)) << path;
  }
}

TEST_F(PublishTest, AFileInTheWayIsToldEverywhereAndStays) {
  fs::create_directories(target_);
  std::ofstream(target_ / k_vllm) << "mine";
  RunningDaemon daemon(options());
  import_rows(daemon, rows("vllm", 90) + rows("sglang", 80));
  ASSERT_TRUE(reaches([&] { return metric(daemon, "moetune_publish_refused") == 1; })) << daemon.log();
  EXPECT_EQ(file_bytes(target_ / k_vllm), "mine");
  EXPECT_TRUE(fs::exists(target_ / (k_sglang + ".json")));
  EXPECT_THAT(daemon.get("/healthz").json()["reasons"].dump(), HasSubstr("device_name=NVIDIA_H200"));
  EXPECT_THAT(daemon.get("/doctor").body, HasSubstr("moetune did not write it"));
  EXPECT_THAT(daemon.log(), HasSubstr("left as it is: " + k_vllm));
  const auto forced = moetune(daemon, {"publish", target_.string(), "--force"});
  EXPECT_EQ(forced.status, 0) << forced.err;
  EXPECT_EQ(file_bytes(target_ / k_vllm), daemon.get("/export?E=256&N=512&kernel=vllm").body);
}

TEST_F(PublishTest, AnUnwritableFolderHoldsNobodyUp) {
  std::ofstream(folder_.path() / "file") << "x";
  auto with_file = options();
  with_file.arguments[1] = (folder_.path() / "file" / "below").string();
  RunningDaemon daemon(with_file);
  const auto id = daemon.tune(small_problem(), false);
  EXPECT_EQ(daemon.wait_for(id, {"done", "failed", "paused"})["state"], "done");
  ASSERT_TRUE(reaches([&] { return metric(daemon, "moetune_publish_failures_total") > 0; }));
  EXPECT_THAT(daemon.get("/healthz").json()["reasons"].dump(), HasSubstr("cannot publish into"));
  const auto refused = run_program({executable("moetuned"), "--data-dir", (folder_.path() / "other").string(),
                                    "--listen", "127.0.0.1:0", "--publish", (folder_.path() / "file").string()});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("--publish: "));
  EXPECT_FALSE(fs::exists(folder_.path() / "other"));
}

TEST_F(PublishTest, ADaemonThatIsKilledWhilePublishingLeavesWholeFiles) {
  std::mt19937 random(20261121);
  for (int round = 1; round <= 8; ++round) {
    RunningDaemon daemon(options());
    import_rows(daemon, rows("vllm", 90 - round, round) + rows("sglang", 90 - round, round));
    // Publishing begins half a second to a second later: some of the kills come before it, some in it, some after.
    std::this_thread::sleep_for(std::chrono::milliseconds(400 + random() % 800));
    daemon.kill();
    expect_true_manifest();
  }
  RunningDaemon daemon(options());
  ASSERT_TRUE(reaches([&] { return metric(daemon, "moetune_publish_files") == 3; })) << daemon.log();
  expect_true_manifest();
  EXPECT_EQ(json::parse(file_bytes(target_ / k_vllm))["1"]["GROUP_SIZE_M"], 10);
}

}  // namespace
}  // namespace moetune::e2e
