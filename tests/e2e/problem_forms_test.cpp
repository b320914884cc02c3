// Sweeps of every kind of problem that the Triton kernels compute, on a GPU that computes nothing: everything but the
// driver is real, the compilers too.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"
#include "tests/kernels/problem_forms.hpp"

namespace moetune::e2e {
namespace {

using kernels::testing::ProblemForm;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

/// The newest vLLM of those whose files the Triton tests have fetched; nothing where they have not.
std::optional<std::filesystem::path> fetched_vllm() {
  const char* cache = std::getenv("MOETUNE_ENGINE_CACHE");
  const std::filesystem::path path = std::filesystem::path(cache == nullptr ? MOETUNE_ENGINES : cache) / "vllm-0.33.0";
  return std::filesystem::is_directory(path) ? std::optional(path) : std::nullopt;
}

json spec_of(const schema::Problem& problem, const std::string& kernel) {
  const ProblemInSpace all{.problem = problem,
                           .space = {{"BLOCK_SIZE_M", {16}},
                                     {"BLOCK_SIZE_N", {64}},
                                     {"BLOCK_SIZE_K", {64}},
                                     {"GROUP_SIZE_M", {1}},
                                     {"num_warps", {4}},
                                     {"num_stages", {2}}},
                           .batches = {1, 64}};
  json spec = all.sweep("", true);
  for (const char* field : {"recording", "compile"}) spec.erase(field);
  spec["kernel"] = kernel;
  return spec;
}

class ProblemFormsTest : public testing::TestWithParam<std::tuple<ProblemForm, std::string>> {
 protected:
  RunningDaemon::Options options() const {
    RunningDaemon::Options options{.data_dir = folder_.path() / "data",
                                   .cache_dir = folder_.path() / "cache",
                                   .arguments = {"--compile-jobs", "2"},
                                   .environment = {{"LD_LIBRARY_PATH", MOETUNE_FAKE_DRIVER}}};
    if (const auto vllm = fetched_vllm()) {
      options.arguments.insert(options.arguments.end(), {"--engine-path", vllm->string()});
    }
    return options;
  }
  /// Why a kernel cannot be tuned on this machine; empty when it can.
  static std::string missing(const RunningDaemon& daemon, const std::string& kernel) {
    if (kernel == "cuda") return "";
    if (kernel == "vllm" && !fetched_vllm()) return "vLLM's files have not been fetched";
    return daemon.lacks("Triton").value_or("");
  }
  static json finished(const RunningDaemon& daemon, const json& spec) {
    return daemon.wait_for(daemon.create_sweep(spec), {"done", "failed", "paused"});
  }

  TempFolder folder_;
};

TEST_P(ProblemFormsTest, IsTuned) {
  const auto& [form, kernel] = GetParam();
  const RunningDaemon daemon(options());
  if (const auto why = missing(daemon, kernel); !why.empty()) GTEST_SKIP() << why;
  for (const bool on_input : {false, true}) {
    auto problem = form.of(8, 128, 256, 2);
    problem.router_weight_on_input = on_input;
    const json view = finished(daemon, spec_of(problem, kernel));
    ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
    EXPECT_EQ(view["compiles"]["failed"], 0) << view.dump();
    EXPECT_EQ(view["trials"]["by_status"].size(), 1U) << view.dump();
    const json rows = daemon.get(fmt::format("/trials?router_weight_on_input={}&kernel={}", on_input ? 1 : 0, kernel))
                          .json()["items"];
    ASSERT_EQ(rows.size(), view["trials"]["total"].get<std::size_t>());
    for (const json& row : rows) {
      EXPECT_EQ(row["status"], "ok") << row.dump();
      EXPECT_EQ(row["per_channel_quant"], form.per_channel_quant);
      EXPECT_EQ(row["dtype"], form.dtype == schema::Dtype::none ? json() : json(name_of(form.dtype)));
    }
  }
  // Two groups: rows with the router's weight in GEMM 1 are not compared with the others.
  const auto best = daemon.get("/best?E=8&N=128").json()["results"];
  EXPECT_EQ(best.size(), 2U) << best.dump();
}

std::vector<std::tuple<ProblemForm, std::string>> measured_forms() {
  std::vector<std::tuple<ProblemForm, std::string>> all = {{ProblemForm{.name = "bfloat16"}, "cuda"},
                                                           {ProblemForm{.name = "bfloat16"}, "builtin"}};
  for (const auto& form : kernels::testing::triton_forms()) {
    for (const char* kernel : {"builtin", "vllm"}) all.emplace_back(form, kernel);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Forms, ProblemFormsTest, testing::ValuesIn(measured_forms()),
                         [](const auto& all) { return std::get<0>(all.param).name + "_by_" + std::get<1>(all.param); });

class ProblemRefusalTest : public ProblemFormsTest {};

TEST_P(ProblemRefusalTest, TheKernelCudaSaysWhichKernelsCompute) {
  const RunningDaemon daemon(options());
  const auto& [form, kernel] = GetParam();
  const auto answer = daemon.post("/sweeps", spec_of(form.of(8, 128, 256, 2), kernel).dump());
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.json()["error"]["message"].get<std::string>(),
              AllOf(HasSubstr("the kernel cuda computes"), HasSubstr("the Triton kernels (vllm, sglang, builtin) do")));
}

TEST_P(ProblemRefusalTest, FormsOfOtherKernelsAreRefusedForAll) {
  const RunningDaemon daemon(options());
  for (const char* tuned : {"builtin", "cuda"}) {
    if (const auto why = missing(daemon, tuned); !why.empty()) continue;
    for (const auto& [dtype, word] : {std::pair{schema::Dtype::int4_w4a16, "wna16"},
                                      {schema::Dtype::int8_w8a8, "int8_w8a8 cannot be measured"},
                                      {schema::Dtype::fp8_w8a16, "fp8_w8a16 cannot be measured"},
                                      {schema::Dtype::float32, "float32 cannot be measured"}}) {
      const auto problem = ProblemForm{.name = "", .dtype = dtype}.of(8, 128, 256, 2);
      const auto answer = daemon.post("/sweeps", spec_of(problem, tuned).dump());
      EXPECT_EQ(answer.status, 400) << tuned;
      EXPECT_THAT(answer.json()["error"]["message"].get<std::string>(), HasSubstr(word)) << tuned;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, ProblemRefusalTest,
                         testing::Values(std::tuple{kernels::testing::triton_forms()[2], std::string("cuda")}),
                         [](const auto& all) { return std::get<0>(all.param).name; });

}  // namespace
}  // namespace moetune::e2e
