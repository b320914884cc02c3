// Pairs of tiles from rows that somebody measured to the files that SGLang reads, through the real executables.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "schema/engine_rules.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;
using schema::TileConfig;

const std::vector<std::int64_t> k_batches = {1, 2, 4, 16, 64, 100, 512, 2048};

json file_at(const std::filesystem::path& path) {
  std::ifstream file(path);
  return json::parse(std::string(std::istreambuf_iterator<char>(file), {}), nullptr, false);
}

class PairExportTest : public testing::Test {
 protected:
  PairExportTest() : daemon_({.data_dir = folder_.path() / "data", .cache_dir = folder_.path() / "cache"}) {}

  /// For each batch the default, a faster tile for both GEMMs, and, but for batch 2, an even faster pair.
  std::string rows() const {
    schema::Trial trial;
    trial.group.device = "NVIDIA_H200";
    trial.group.problem = {
        256, 512, 2048, 8, schema::Dtype::fp8_w8a8, schema::ActDtype::bfloat16, schema::BlockShape{128, 128}};
    trial.group.kernel = "sglang";
    trial.group.kernel_digest = "feed";
    trial.group.compiler = "triton 3.6.0";
    trial.arch = "sm_90";
    trial.sweep = "elsewhere-1";
    std::string lines;
    const auto add = [&](const TileConfig& config, double us) {
      trial.config = config;
      trial.latency_us = us;
      trial.samples_us = {us * 0.999, us, us * 1.001};
      lines += schema::to_json(trial).dump() + "\n";
    };
    int stages = 2;
    for (const auto batch : k_batches) {
      trial.batch = batch;
      const TileConfig fallback = schema::default_config(trial.group.problem, batch);
      add(fallback, 100);
      TileConfig up = fallback;
      up.group_size_m = 16;
      add(up, 90);
      TileConfig down = up;
      down.num_warps = 8;
      down.num_stages = stages++;
      if (batch != 2) add(paired(up, down), 80);
    }
    return lines;
  }
  Finished moetune(std::vector<std::string> more) const {
    more.insert(more.begin(), {executable("moetune"), "--server", daemon_.url()});
    return run_program(more);
  }
  std::vector<std::string> exported(const std::filesystem::path& folder, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"export", "-E", "256", "-N", "512", "-o", folder.string()});
    return more;
  }

  TempFolder folder_;
  RunningDaemon daemon_;
  const std::string name_ = "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128]";
};

TEST_F(PairExportTest, TheEnginesLookUpFindsWhatWasMeasuredTogether) {
  ASSERT_EQ(daemon_.post("/import", rows(), "application/x-ndjson").status, 200);
  const auto folder = folder_.path() / "configs" / "triton_3_6_0";
  const auto done = moetune(exported(folder, {"--format", "sglang"}));
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, (folder / (name_ + ".json")).string() + "\n" + (folder / (name_ + "_down.json")).string() + "\n");
  const json up = file_at(folder / (name_ + ".json"));
  const json down = file_at(folder / (name_ + "_down.json"));
  ASSERT_EQ(up.size(), k_batches.size());
  ASSERT_EQ(down.size(), k_batches.size());
  // SGLang takes the key nearest to M in each file, and both GEMMs run with the first one's alignment.
  for (std::int64_t m = 1; m <= 4096; m = m < 200 ? m + 1 : m * 5 / 4) {
    const auto key = std::to_string(schema::nearest_key(k_batches, m));
    const auto best = daemon_.get("/best?E=256&N=512&batch=" + std::to_string(m)).json()["results"][0]["configs"];
    ASSERT_TRUE(best.contains(key)) << m;
    const auto chosen = schema::tile_config_from_json(best[key]["chosen"]["config"]).value();
    EXPECT_EQ(schema::tile_config_from_json(up[key]).value(), up_tile(chosen)) << m;
    EXPECT_EQ(schema::tile_config_from_json(down[key]).value(), down_tile(chosen)) << m;
    EXPECT_EQ(up[key]["BLOCK_SIZE_M"], down[key]["BLOCK_SIZE_M"]) << m;
    EXPECT_EQ(chosen.down.has_value(), key != "2") << m;
  }
}

TEST_F(PairExportTest, VllmsFileHasTheBestSingleTile) {
  ASSERT_EQ(daemon_.post("/import", rows(), "application/x-ndjson").status, 200);
  const auto done = moetune(exported(folder_.path() / "out", {"--kernel", "sglang"}));
  ASSERT_EQ(done.status, 0) << done.err;
  const json file = file_at(done.out.substr(0, done.out.size() - 1));
  for (const auto batch : k_batches) {
    const auto& entry = file[std::to_string(batch)];
    EXPECT_EQ(entry["GROUP_SIZE_M"], 16) << batch;
    EXPECT_EQ(entry.size(), 6U) << batch;
  }
}

TEST_F(PairExportTest, RowsGoThroughFilesAndBackupsUnchanged) {
  ASSERT_EQ(daemon_.post("/import", rows(), "application/x-ndjson").status, 200);
  const auto listed = moetune({"trials", "-E", "256", "-N", "512"});
  ASSERT_EQ(listed.status, 0) << listed.err;
  const json again = daemon_.post("/import", listed.out, "application/x-ndjson").json();
  EXPECT_EQ(again["inserted"], 0) << again.dump();
  EXPECT_EQ(again["duplicates"], 3 * k_batches.size() - 1);
  RunningDaemon other({.data_dir = folder_.path() / "other", .cache_dir = folder_.path() / "other-cache"});
  ASSERT_EQ(other.post("/import", listed.out, "application/x-ndjson").status, 200);
  EXPECT_EQ(other.get("/trials?format=jsonl").body, listed.out);
  EXPECT_EQ(moetune({"db", "check"}).status, 0);
  EXPECT_EQ(moetune({"db", "backup", (folder_.path() / "copy.db").string()}).status, 0);
}

TEST_F(PairExportTest, ASweepOfSingleTilesLeavesThePairsOfItsRecordingAlone) {
  std::string pairs;
  const auto problem = small_problem();
  const std::string singles = problem.recording([&](schema::Trial& row) {
    schema::Trial pair = row;
    schema::TileConfig down = row.config;
    down.num_stages = 4;
    pair.config = paired(row.config, down);
    *pair.latency_us /= 2;
    for (double& us : pair.samples_us) us /= 2;
    pairs += schema::to_json(pair).dump() + "\n";
  });
  const auto view =
      daemon_.wait_for(daemon_.create_sweep(problem.sweep(daemon_.upload(singles + pairs), false)), {"done", "failed"});
  EXPECT_EQ(view["state"], "done") << view.dump();
  EXPECT_EQ(view["trials"]["by_status"], json({{"ok", problem.trials()}}));
  EXPECT_EQ(view["trials"]["not_recorded"], 0);
  EXPECT_FALSE(view["best"]["1"]["config"].contains("down"));
}

}  // namespace
}  // namespace moetune::e2e
