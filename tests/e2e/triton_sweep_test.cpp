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
  TritonSweepTest() {
    const auto facts = daemon_->get("/doctor").json()["checks"];
    for (const json& check : facts) {
      if (check["name"] == "Triton") triton_ = check;
    }
  }
  void SetUp() override {
    if (triton_["status"] != "ok") GTEST_SKIP() << "no Triton: " << triton_.dump();
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
  json triton_;
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

/// moetune's kernel with assembly in it that makes LLVM abort the process for tiles with BLOCK_SIZE_N 32.
void write_lethal_kernel(const std::filesystem::path& file) {
  std::stringstream source;
  source << std::ifstream(MOETUNE_TRITON_KERNEL).rdbuf();
  const std::string after = "    lanes = tl.arange(0, BLOCK_SIZE_M)\n";
  std::string text = source.str();
  const auto at = text.find(after);
  ASSERT_NE(at, std::string::npos);
  text.insert(
      at + after.size(),
      "    if BLOCK_SIZE_N == 32:\n"
      "        lanes = tl.inline_asm_elementwise(\"mov.u32 $0, $1; bogus $9;\", \"=r,r\", [lanes], dtype=tl.int32, "
      "is_pure=True, pack=1)\n");
  std::ofstream(file) << text;
}

TEST_F(TritonSweepTest, AKernelThatKillsTheCompilerIsAResultWithItsLastWords) {
  write_lethal_kernel(folder_.path() / "lethal.py");
  auto lethal = options();
  lethal.arguments.insert(lethal.arguments.end(), {"--kernel-path", folder_.path().string()});
  daemon_.reset();
  daemon_ = std::make_unique<RunningDaemon>(lethal);
  auto problem = triton_problem();
  problem.space["BLOCK_SIZE_N"] = {32, 64};
  problem.space["BLOCK_SIZE_M"] = {64};
  json sweep = problem.sweep(
      daemon_->upload(problem.recording([](schema::Trial& row) { row.group.kernel = "lethal.py"; })), true);
  sweep["kernel"] = "lethal.py";
  const json view = finished(sweep);
  EXPECT_EQ(view["state"], "done") << view.dump() << daemon_->log();
  EXPECT_EQ(view["trials"]["by_status"], json({{"compiler_crash", 4}, {"ok", problem.trials() - 4}})) << view.dump();
  const json rows = daemon_->get("/trials?status=compiler_crash").json()["items"];
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0]["config"]["BLOCK_SIZE_N"], 32);
  EXPECT_THAT(rows[0]["log_tail"].get<std::string>(),
              AllOf(HasSubstr("SIGABRT"), HasSubstr("Invalid $ operand number in inline asm string")));
  EXPECT_EQ(finished(sweep)["compiles"]["done"], 0) << "it is remembered";
}

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
