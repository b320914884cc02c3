// Sweeps of the engines' kernels, lifted out of their released packages, on a GPU that computes nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <ostream>
#include <set>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;

ProblemInSpace two_tiles() {
  return {.problem = {8, 256, 256, 2, schema::Dtype::none, schema::ActDtype::bfloat16, {}, true, false},
          .space = {{"BLOCK_SIZE_M", {16}},
                    {"BLOCK_SIZE_N", {64}},
                    {"BLOCK_SIZE_K", {64}},
                    {"GROUP_SIZE_M", {1, 2, 4, 8, 16}},
                    {"num_warps", {4}},
                    {"num_stages", {2, 3}}},
          .batches = {64}};
}

struct Release {
  const char* engine;
  const char* version;
  bool reads_down_file;
  std::set<unsigned> grids;  ///< of all launches of one_tile()
};

std::ostream& operator<<(std::ostream& out, const Release& release) {
  return out << release.engine << ' ' << release.version;
}

/// Of 40 experts, so that batch 10 has fewer pairs than experts and is aligned all the same. The tile has 5 columns of
/// blocks in GEMM 1 and 7 in GEMM 2.
ProblemInSpace one_tile() {
  return {.problem = {40, 160, 448, 2, schema::Dtype::none, schema::ActDtype::bfloat16, {}, true, false},
          .space = {{"BLOCK_SIZE_M", {16}},
                    {"BLOCK_SIZE_N", {64}},
                    {"BLOCK_SIZE_K", {64}},
                    {"GROUP_SIZE_M", {1}},
                    {"num_warps", {4}},
                    {"num_stages", {2}}},
          .batches = {10, 64}};
}

// Row blocks by each engine's rule, times columns. The tile and the engine's default, batch 10 and batch 64:
const std::set<unsigned> k_vllm_0_33 = {
    20 * 5, 20 * 7,  // 20 pairs in 20 blocks; the default 16x64x128 the same
    46 * 5, 46 * 7,  // 128 + 40 * 15 rows
    43 * 5, 43 * 7,  // default 32x64x128: 128 + 40 * 31 rows
};
const std::set<unsigned> k_vllm_0_8 = {
    20 * 5, 39 * 7, 20 * 10, 39 * 14,  // GEMM 1 is limited by its 10 rows, GEMM 2 covers 20 + 40 * 15; default 16x32x64
    46 * 5, 46 * 7, 42 * 5,  42 * 7,   // default 64x64x32: 128 + 40 * 63 rows
};
const std::set<unsigned> k_sglang_0_5_23 = {
    20 * 5, 20 * 7, 20 * 10, 20 * 14,  // 20 pairs in 20 blocks
    47 * 5, 47 * 7, 43 * 5,  43 * 7,   // 41 experts: 743 rows, and 2711
};
const std::set<unsigned> k_sglang_0_4 = {
    39 * 5, 39 * 7, 39 * 10, 39 * 14,  // 20 + 40 * 15 rows in both
    46 * 5, 46 * 7, 42 * 5,  42 * 7,
};

class EngineSweepTest : public testing::TestWithParam<Release> {
 protected:
  EngineSweepTest()
      : daemon_(
            {.data_dir = folder_.path() / "data",
             .cache_dir = folder_.path() / "cache",
             .arguments = {"--compile-jobs", "2", "--engine-path",
                           std::string(MOETUNE_ENGINES) + "/" + GetParam().engine + "-" + GetParam().version},
             .environment = {{"LD_LIBRARY_PATH", MOETUNE_FAKE_DRIVER}, {"FAKE_CUDA_GRIDS", grids_file().string()}}}) {}
  void SetUp() override {
    if (const auto lack = daemon_.lacks("Triton")) GTEST_SKIP() << *lack;
  }
  json spec(const ProblemInSpace& problem = two_tiles()) const {
    json spec = problem.sweep("", true);
    for (const char* field : {"recording", "compile"}) spec.erase(field);
    spec["kernel"] = GetParam().engine;
    return spec;
  }
  json rows(const std::string& kernel) const {
    return daemon_.get("/trials?limit=1000&kernel=" + kernel).json()["items"];
  }
  std::filesystem::path grids_file() const { return folder_.path() / "grids"; }
  /// Of every launch of the engine's kernel so far.
  std::set<unsigned> grids() const {
    std::set<unsigned> found;
    std::ifstream file(grids_file());
    std::string kernel;
    unsigned grid = 0;
    while (file >> kernel >> grid) {
      if (kernel == "fused_moe_kernel") found.insert(grid);
    }
    return found;
  }

  TempFolder folder_;
  RunningDaemon daemon_;
};

TEST_P(EngineSweepTest, ScansAndMeasuresTheEnginesOwnKernel) {
  const std::string engine = GetParam().engine;
  const json view = daemon_.wait_for(daemon_.create_sweep(spec()), {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon_.log();
  const json scanned = rows(engine + "-scan");
  const json measured = rows(engine);
  EXPECT_GE(scanned.size(), 4U);
  EXPECT_GE(measured.size(), 4U);
  EXPECT_EQ(view["trials"]["by_status"], json({{"ok", scanned.size() + measured.size()}})) << view.dump();
  EXPECT_EQ(view["compiles"]["failed"], 0);
  const bool paired = std::ranges::any_of(measured, [](const json& row) { return row["config"].contains("down"); });
  EXPECT_EQ(paired, GetParam().reads_down_file);
  const bool timed_apart = std::ranges::all_of(scanned, [](const json& row) {
    const json stages = row.value("stages_us", json::object());
    return stages.contains("gemm_1") && stages.contains("gemm_2");
  });
  EXPECT_EQ(timed_apart, GetParam().reads_down_file);
  const json best = daemon_.get("/best?E=8&N=256").json()["results"];
  ASSERT_EQ(best.size(), 1U);
  EXPECT_EQ(best[0]["kernel"], engine);
}

TEST_P(EngineSweepTest, LaunchesCoverWhatTheEnginesOwnDo) {
  const json view = daemon_.wait_for(daemon_.create_sweep(spec(one_tile())), {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon_.log();
  EXPECT_EQ(grids(), GetParam().grids);
}

TEST_P(EngineSweepTest, TriesImportedTilesThatTheGpuHasRoomFor) {
  const schema::TileConfig fits{32, 32, 64, 1, 4, 2};
  const schema::TileConfig too_large{256, 256, 256, 1, 8, 2};  // 512 KiB of shared memory at least
  const json rows_of_amd = {{"64", schema::to_json(fits)}, {"128", schema::to_json(too_large)}};
  const json file = {{"path", "E=8,N=256,device_name=AMD_Instinct_MI300X.json"}, {"text", rows_of_amd.dump()}};
  ASSERT_EQ(daemon_.post("/import", json({{"files", {file}}}).dump()).status, 200);
  json spec = this->spec();
  spec["batch"] = {64, 128};
  spec["scan"] = false;
  const json view = daemon_.wait_for(daemon_.create_sweep(spec), {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon_.log();
  EXPECT_EQ(view["seeded_by"][0]["candidates"], 2);
  EXPECT_EQ(view["seeded_by"][0]["left_out"], 1);
  std::size_t tried = 0;
  for (const json& row : rows(GetParam().engine)) {
    tried += row["config"] == json(schema::to_json(fits)) ? 1 : 0;
    EXPECT_NE(row["config"], json(schema::to_json(too_large)));
  }
  EXPECT_EQ(tried, 2U) << "the nearest key that is left, for both batches";
}

INSTANTIATE_TEST_SUITE_P(Releases, EngineSweepTest,
                         testing::Values(Release{"vllm", "0.33.0", false, k_vllm_0_33},
                                         Release{"vllm", "0.8.5", false, k_vllm_0_8},
                                         Release{"sglang", "0.5.23", true, k_sglang_0_5_23},
                                         Release{"sglang", "0.4.6", false, k_sglang_0_4}),
                         [](const auto& tested) {
                           std::string name = std::string(tested.param.engine) + "_" + tested.param.version;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace moetune::e2e
