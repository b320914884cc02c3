// Sweeps on a GPU that computes nothing: everything but the driver is real, the compiler too.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;

class GpuSweepTest : public testing::Test {
 protected:
  RunningDaemon::Options options(int compile_jobs) const {
    return {.data_dir = folder_.path() / "data",
            .cache_dir = folder_.path() / "cache",
            .arguments = {"--compile-jobs", std::to_string(compile_jobs)},
            .environment = {{"LD_LIBRARY_PATH", MOETUNE_FAKE_DRIVER}}};
  }
  static json finished(const RunningDaemon& daemon) {
    json spec = six_tiles().sweep("", true);
    for (const char* field : {"recording", "compile"}) spec.erase(field);
    return daemon.wait_for(daemon.create_sweep(spec), {"done", "failed", "paused"});
  }

  TempFolder folder_;
};

TEST_F(GpuSweepTest, CompilesTheStepAmongTheTilesWithAsManyWorkersAsThereAre) {
  for (const int jobs : {1, 2, 6}) {
    std::filesystem::remove_all(folder_.path() / "cache");
    const RunningDaemon daemon(options(jobs));
    const json view = finished(daemon);
    EXPECT_EQ(view["state"], "done") << jobs << " workers: " << view.dump() << daemon.log();
    EXPECT_EQ(view["trials"]["by_status"], json({{"ok", six_tiles().trials()}})) << view.dump();
    EXPECT_EQ(view["compiles"], json({{"done", six_tiles().tiles()}, {"cached", 0}, {"failed", 0}}));
    const json rerun = finished(daemon);
    EXPECT_EQ(rerun["compiles"], json({{"done", 0}, {"cached", six_tiles().tiles()}, {"failed", 0}}));
    const SQLite::Database database(folder_.path() / "data" / "results.db", SQLite::OPEN_READONLY);
    EXPECT_EQ(SQLite::Statement(database, "SELECT 1 FROM open_attempts").executeStep(), false)
        << "an attempt is still open";
  }
}

TEST_F(GpuSweepTest, CandidatesInRoundsHaveThreeSamplesARound) {
  const RunningDaemon daemon(options(2));
  json spec = six_tiles().sweep("", true);
  for (const char* field : {"recording", "compile", "space", "batch"}) spec.erase(field);
  for (const int batch : {1, 64, 2048}) {
    for (const int block_n : {64, 128}) {
      const schema::TileConfig config{16, block_n, 128, 1, 4, 2};
      spec["candidates"].push_back({{"batch", batch}, {"config", schema::to_json(config)}});
    }
  }
  spec["rounds"] = {{"least", 9}, {"most", 11}};
  const auto id = daemon.create_sweep(spec);
  const json view = daemon.wait_for(id, {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  const json comparison = daemon.get("/sweeps/" + std::to_string(id) + "/comparison").json();
  ASSERT_EQ(comparison["batches"].size(), 3U);
  for (const json& batch : comparison["batches"]) {
    ASSERT_EQ(batch["contenders"].size(), 3U) << batch;
    const std::size_t rounds = batch["contenders"][0]["rounds_us"].size();
    EXPECT_TRUE(rounds == 9 || rounds == 11) << rounds;
    for (const json& contender : batch["contenders"]) EXPECT_EQ(contender["rounds_us"].size(), rounds);
    const std::string rows = daemon.get("/trials?format=jsonl&batch=" + batch["batch"].dump()).body;
    EXPECT_EQ(json::parse(rows.substr(0, rows.find('\n')))["samples_us"].size(), 3 * rounds);
    EXPECT_FALSE(json::parse(rows.substr(0, rows.find('\n')))["stages_us"].empty());
  }
}

}  // namespace
}  // namespace moetune::e2e
