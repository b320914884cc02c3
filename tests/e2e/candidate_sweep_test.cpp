// Sweeps that begin with the tiles of imported engine files, through the real executables.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string k_h20 = "E=8,N=256,device_name=NVIDIA_H20,dtype=fp8_w8a8,block_shape=[128,128].json";
const std::string k_amd = "E=8,N=256,device_name=AMD_Instinct_MI300X,dtype=fp8_w8a8,block_shape=[128,128].json";
const std::string k_other = "E=8,N=256,device_name=NVIDIA_H20,dtype=fp8_w8a8.json";

const schema::TileConfig k_inside{64, 128, 128, 32, 4, 2};
const schema::TileConfig k_outside{16, 32, 128, 8, 2, 5};

json tile(const schema::TileConfig& config, const json& more = json::object()) {
  json row = schema::to_json(config);
  row.update(more);
  return row;
}

class CandidateSweepTest : public testing::Test {
 protected:
  CandidateSweepTest() : daemon_({.data_dir = folder_.path() / "data", .cache_dir = folder_.path() / "cache"}) {}

  json import(const std::string& name, const json& rows) const {
    const json body = {{"files", {{{"path", "/x/vllm/" + name}, {"text", rows.dump()}}}}};
    const Answer answer = daemon_.post("/import", body.dump());
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.json()["files"][0];
  }
  /// The small problem's recording and a row of the tile that its space lacks, for batch 64, the fastest of all.
  std::string recording() const {
    std::string more;
    const std::string rows = small_problem().recording([&](schema::Trial& row) {
      if (row.batch != 64 || !more.empty()) return;
      schema::Trial best = row;
      best.config = k_outside;
      best.latency_us = 1;
      best.samples_us = {1, 1.01, 0.99};
      more = schema::to_json(best).dump() + "\n";
    });
    return rows + more;
  }
  json spec() const { return small_problem().sweep(daemon_.upload(recording()), false); }
  json finished(const json& spec) const { return daemon_.wait_for(daemon_.create_sweep(spec), {"done", "failed"}); }

  /// Batch and BLOCK_SIZE_N of the measurements that were begun after those of the defaults of both batches.
  std::vector<std::pair<int, int>> measured_after_the_defaults(int count) const {
    const SQLite::Database database(folder_.path() / "data/results.db", SQLite::OPEN_READONLY);
    SQLite::Statement query(database,
                            "SELECT a.batch, c.block_size_n FROM attempts a JOIN configs c ON c.id = a.config_id "
                            "ORDER BY a.id LIMIT ? OFFSET 2");
    query.bind(1, count);
    std::vector<std::pair<int, int>> begun;
    while (query.executeStep()) begun.emplace_back(query.getColumn(0).getInt(), query.getColumn(1).getInt());
    return begun;
  }

  TempFolder folder_;
  RunningDaemon daemon_;
};

TEST_F(CandidateSweepTest, TriesImportedTilesFirstAlsoThoseOutsideTheSpace) {
  import(k_h20, {{"1", tile(k_inside)}, {"100", tile(k_outside)}});
  import(k_other, {{"1", tile(k_outside)}});
  const json view = finished(spec());
  ASSERT_EQ(view["state"], "done") << view.dump();
  EXPECT_EQ(view["spec"]["imported"], true);
  EXPECT_EQ(view["seeded_by"],
            json::parse(R"([{"set":1,"name":"vllm/)" + k_h20 + R"(","candidates":2,"left_out":0}])"));
  EXPECT_FALSE(daemon_.get("/sweeps").json()["items"][0].contains("seeded_by")) << "a list would be full of them";
  EXPECT_EQ(view["trials"]["by_status"]["ok"], small_problem().trials() + 1);
  EXPECT_EQ(view["best"]["64"]["config"], json(schema::to_json(k_outside)));
  EXPECT_EQ(view["trials"]["not_recorded"], 0);
  EXPECT_EQ(measured_after_the_defaults(2),
            (std::vector<std::pair<int, int>>{{1, k_inside.block_size_n}, {64, k_outside.block_size_n}}));
  EXPECT_THAT(daemon_.log(), HasSubstr("sweep 1 takes 2 candidates from vllm/" + k_h20 + ", 0 rows left out"));
}

TEST_F(CandidateSweepTest, LeavesThemOutWhenAskedTo) {
  import(k_h20, {{"1", tile(k_inside)}, {"64", tile(k_outside)}});
  json without = spec();
  without["imported"] = false;
  const json view = finished(without);
  EXPECT_EQ(view["spec"]["imported"], false);
  EXPECT_EQ(view["seeded_by"], json::array());
  EXPECT_EQ(view["trials"]["total"], small_problem().trials());
}

TEST_F(CandidateSweepTest, AmdsFieldsAreDroppedAndItsOtherRowsCounted) {
  const json amd = {{"waves_per_eu", 0}, {"matrix_instr_nonkdim", 16}, {"kpack", 2}};
  import(k_amd, {{"1", tile(k_inside, amd)}, {"2", {{"tile_m", 64}}}, {"64", tile(k_outside, amd)}});
  const json view = finished(spec());
  EXPECT_EQ(view["seeded_by"][0]["candidates"], 2);
  EXPECT_EQ(view["seeded_by"][0]["left_out"], 1);
  EXPECT_EQ(view["best"]["64"]["config"], json(schema::to_json(k_outside)));
}

TEST_F(CandidateSweepTest, ASweepKeepsTheSetsThatItWasCreatedWith) {
  import(k_h20, {{"1", tile(k_inside)}, {"64", tile(k_inside)}});
  const json slow = small_problem().sweep(daemon_.upload(small_problem().recording()), true);
  daemon_.create_sweep(slow);
  const auto waiting = daemon_.create_sweep(spec());
  import(k_amd, {{"64", tile(k_outside)}});
  const json view = daemon_.wait_for(waiting, {"done", "failed"});
  ASSERT_EQ(view["seeded_by"].size(), 1U);
  EXPECT_EQ(view["trials"]["total"], small_problem().trials()) << "the later one has the tile outside the space";
  EXPECT_EQ(finished(spec())["seeded_by"].size(), 2U);
}

TEST_F(CandidateSweepTest, ADiscardedSetSeedsNoNewSweep) {
  import(k_h20, {{"1", tile(k_inside)}, {"64", tile(k_outside)}});
  const json seeded = finished(spec());
  const Answer discarded = daemon_.post("/candidates/1/discard");
  EXPECT_EQ(discarded.json()["discarded"], true) << discarded.body;
  EXPECT_EQ(finished(spec())["seeded_by"], json::array());
  EXPECT_EQ(daemon_.get("/sweeps/1").json()["seeded_by"], seeded["seeded_by"]) << "as it was";
  EXPECT_EQ(daemon_.get("/candidates/1/file").status, 200);
  EXPECT_EQ(import(k_h20, {{"1", tile(k_inside)}, {"64", tile(k_outside)}})["known"], true);
  EXPECT_EQ(finished(spec())["seeded_by"].size(), 1U) << "imported again";
}

TEST_F(CandidateSweepTest, TheCommandLineImportsListsAndExports) {
  const auto configs = folder_.path() / "site" / "vllm" / "configs";
  std::filesystem::create_directories(configs);
  std::filesystem::create_directories(folder_.path() / "site" / "vllm-0.33.0.dist-info");
  const std::string text =
      "{\n    \"triton_version\": \"3.6.0\",\n    \"64\": {\n        \"BLOCK_SIZE_M\": 16\n    }\n}\n";
  std::ofstream(configs / k_h20) << text;
  std::ofstream(configs / "config.json") << "{}";
  const auto moetune = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {executable("moetune"), "--server", daemon_.url()});
    return run_program(words);
  };
  const auto imported = moetune({"import", configs.string()});
  EXPECT_EQ(imported.status, 1) << imported.err;
  EXPECT_EQ(imported.out,
            configs.string() + ": 2 engine files, 1 new, 0 known already, 1 unreadable; 1 rows are no tiles\n");
  EXPECT_THAT(imported.err, HasSubstr("\"config.json\" is not the name of an engine's file"));
  EXPECT_THAT(moetune({"import", (configs / k_h20).string()}).out, HasSubstr("0 new, 1 known already"));
  EXPECT_THAT(moetune({"candidates", "-E", "8"}).out, HasSubstr("vllm-0.33.0/" + k_h20));
  const auto out = folder_.path() / "out";
  const auto exported = moetune({"candidate", "1", "-o", out.string()});
  EXPECT_EQ(exported.out, (out / k_h20).string() + "\n") << exported.err;
  EXPECT_EQ(moetune({"candidate", "1", "-o", "-"}).out, text);
  EXPECT_EQ(moetune({"db", "check"}).status, 0);
}

}  // namespace
}  // namespace moetune::e2e
