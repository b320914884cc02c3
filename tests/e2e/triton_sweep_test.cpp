// Sweeps whose kernels Triton really compiles, in worker processes; needs no GPU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

ProblemInSpace triton_problem() {
  return {.problem = {8, 256, 256, 2, schema::Dtype::fp8_w8a8, schema::ActDtype::bfloat16, schema::BlockShape{128, 128},
                      true, false},
          .space = {{"BLOCK_SIZE_M", {16, 64}},
                    {"BLOCK_SIZE_N", {64}},
                    {"BLOCK_SIZE_K", {128}},
                    {"GROUP_SIZE_M", {1, 32}},
                    {"num_warps", {4}},
                    {"num_stages", {2}}},
          .batches = {1, 64}};
}

class TritonSweepTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto lack = daemon_->lacks("Triton")) GTEST_SKIP() << *lack;
  }

  RunningDaemon::Options options() const {
    return {.data_dir = folder_.path() / "data",
            .cache_dir = folder_.path() / "cache",
            .arguments = {"--compile-jobs", "2"}};
  }
  json spec() const {
    json spec = triton_problem().sweep(daemon_->upload(triton_problem().recording([](schema::Trial& row) {
      row.group.kernel = "builtin";
      row.group.compiler = "triton 3.6.0";
    })),
                                       true);
    spec["kernel"] = "builtin";
    return spec;
  }
  json finished(const json& spec) const {
    return daemon_->wait_for(daemon_->create_sweep(spec), {"done", "failed", "paused"});
  }

  TempFolder folder_;
  std::unique_ptr<RunningDaemon> daemon_ = std::make_unique<RunningDaemon>(options());
};

TEST_F(TritonSweepTest, CompilesBothGemmsOnceAndNothingInARerun) {
  // The default of the small batch and of the large one are in the space only as far as the recording has them.
  const json first = finished(spec());
  EXPECT_EQ(first["state"], "done") << first.dump() << daemon_->log();
  EXPECT_EQ(first["trials"]["by_status"], json({{"ok", triton_problem().trials()}})) << first.dump();
  const auto compiles = first["compiles"]["done"].get<int>();
  EXPECT_GT(compiles, 2 * 4);  // GEMM 1 and GEMM 2 of four configurations, and the batches' own paths
  EXPECT_EQ(first["compiles"]["failed"], 0);
  EXPECT_EQ(finished(spec())["compiles"], json({{"done", 0}, {"cached", compiles}, {"failed", 0}}));
  EXPECT_EQ(daemon_->terminate(), 0);
  daemon_ = std::make_unique<RunningDaemon>(options());
  EXPECT_EQ(finished(spec())["compiles"], json({{"done", 0}, {"cached", compiles}, {"failed", 0}}));
}

TEST_F(TritonSweepTest, AWorkerThatIsKilledBlamesNobody) {
  const auto id = daemon_->create_sweep(spec());
  daemon_->wait_for_trials(id, 1);
  for (const pid_t pid : daemon_->workers("python")) ::kill(pid, SIGKILL);
  const json view = daemon_->wait_for(id, {"done", "failed", "paused"});
  EXPECT_EQ(view["state"], "done") << view.dump() << daemon_->log();
  EXPECT_EQ(view["trials"]["by_status"], json({{"ok", triton_problem().trials()}}));
}

/// What a tile with BLOCK_SIZE_N 32 does to the compiler, and what its trials get for it.
struct BadTile {
  const char* name;
  const char* statement;  ///< in the kernel's body
  const char* status;
  const char* words;  ///< in the rows' log_tail
};
constexpr BadTile k_bad_tiles[] = {
    {"KillsLlvm",
     "lanes = tl.inline_asm_elementwise(\"mov.u32 $0, $1; bogus $9;\", \"=r,r\", [lanes], dtype=tl.int32, "
     "is_pure=True, "
     "pack=1)",
     "compiler_crash", "Invalid $ operand number in inline asm string"},
    {"BlowsTheMemory", "tl.static_assert((1 << (1 << 34)) != 0)", "compiler_crash", "out of memory"},
    {"NeverEnds", "for i in tl.static_range(1 << 40):\n            lanes += 0", "compile_timeout", "longer than"},
    {"FailsAnAssertion", "tl.static_assert(BLOCK_SIZE_N != 32, \"no thirty-two\")", "compile_error", "no thirty-two"},
};

/// moetune's kernel with that statement in it.
void write_kernel(const std::filesystem::path& file, const BadTile& tile) {
  std::stringstream source;
  source << std::ifstream(MOETUNE_TRITON_KERNEL).rdbuf();
  const std::string after = "    lanes = tl.arange(0, BLOCK_SIZE_M)\n";
  std::string text = source.str();
  const auto at = text.find(after);
  ASSERT_NE(at, std::string::npos);
  text.insert(at + after.size(), std::string("    if BLOCK_SIZE_N == 32:\n        ") + tile.statement + "\n");
  std::ofstream(file) << text;
}

class BadTileTest : public TritonSweepTest, public testing::WithParamInterface<BadTile> {};

TEST_P(BadTileTest, IsAResultThatSaysWhyAndIsRemembered) {
  write_kernel(folder_.path() / "bad.py", GetParam());
  auto with_bad_kernel = options();
  const bool hangs = std::string_view(GetParam().status) == "compile_timeout";
  with_bad_kernel.arguments.insert(with_bad_kernel.arguments.end(),
                                   {"--kernel-path", folder_.path().string(), "--compile-memory-limit", "1024",
                                    "--compile-time-limit", hangs ? "5" : "100"});
  daemon_.reset();
  daemon_ = std::make_unique<RunningDaemon>(with_bad_kernel);
  auto problem = triton_problem();
  problem.problem.dtype = schema::Dtype::none;
  problem.problem.block_shape.reset();
  problem.batches = {64};
  problem.space["BLOCK_SIZE_N"] = {32, 64};
  problem.space["BLOCK_SIZE_M"] = {64};
  problem.space["BLOCK_SIZE_K"] = {64};
  problem.space["GROUP_SIZE_M"] = {1};
  json sweep = problem.sweep(daemon_->upload(problem.recording([](schema::Trial& row) {
    row.group.kernel = "bad.py";
    row.group.compiler = "triton 3.6.0";
  })),
                             true);
  sweep["kernel"] = "bad.py";
  const json view = finished(sweep);
  EXPECT_EQ(view["state"], "done") << view.dump() << daemon_->log();
  EXPECT_EQ(view["trials"]["by_status"], json({{GetParam().status, 1}, {"ok", problem.trials() - 1}}))
      << view.dump() << daemon_->log();
  const json rows = daemon_->get(std::string("/trials?status=") + GetParam().status).json()["items"];
  ASSERT_EQ(rows.size(), 1U) << daemon_->get("/trials").body;
  EXPECT_EQ(rows[0]["config"]["BLOCK_SIZE_N"], 32);
  EXPECT_THAT(rows[0]["log_tail"].get<std::string>(), HasSubstr(GetParam().words));
  EXPECT_EQ(rows[0]["compiler"], "triton 3.6.0");
  EXPECT_EQ(finished(sweep)["compiles"]["done"], 0) << "it is remembered";
}
INSTANTIATE_TEST_SUITE_P(Kinds, BadTileTest, testing::ValuesIn(k_bad_tiles),
                         [](const auto& tested) { return tested.param.name; });

TEST_F(TritonSweepTest, AnEngineThatIsNotThereIsRefusedWithWhatToDo) {
  json wanted = triton_problem().sweep(
      daemon_->upload(triton_problem().recording([](schema::Trial& row) { row.group.kernel = "vllm"; })), true);
  wanted["kernel"] = "vllm";
  const auto answer = daemon_->post("/sweeps", wanted.dump());
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.json()["error"]["message"].get<std::string>(),
              AllOf(HasSubstr("vllm"), HasSubstr("--engine-path")));
}

}  // namespace
}  // namespace moetune::e2e
