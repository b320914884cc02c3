#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/cli/commands_fixture.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* k_name = "E=8,N=512,device_name=NVIDIA_H200.json";

ordered_json config(int block_size_n) {
  return {{"BLOCK_SIZE_M", 16}, {"BLOCK_SIZE_N", block_size_n},
          {"BLOCK_SIZE_K", 64}, {"GROUP_SIZE_M", 1},
          {"num_warps", 4},     {"num_stages", 3}};
}

ordered_json group(const std::string& origin = "measured") {
  return {{"device", "NVIDIA_H200"},
          {"E", 8},
          {"N", 512},
          {"hidden_size", 2048},
          {"topk", 2},
          {"dtype", nullptr},
          {"act_dtype", "bfloat16"},
          {"block_shape", nullptr},
          {"gated", true},
          {"per_channel_quant", false},
          {"router_weight_on_input", false},
          {"kernel", "vllm"},
          {"kernel_digest", std::string(64, 'a')},
          {"compiler", "triton 3.6.0"},
          {"l2", "cold"},
          {"routing", "uniform"},
          {"origin", origin}};
}

/// A row of /trials: three samples around `us`, 1 % apart.
ordered_json row(int batch, int block_size_n, double us, const std::string& origin = "measured") {
  ordered_json fields = group(origin);
  fields["arch"] = "sm_90";
  fields["batch"] = batch;
  fields["config"] = config(block_size_n);
  fields["status"] = "ok";
  fields["latency_us"] = us;
  fields["samples_us"] = {us * 0.99, us, us * 1.01};
  fields["measured_at"] = "2026-11-21T10:00:00Z";
  fields["driver"] = "580.159.04";
  fields["sm_clock_mhz"] = 1980;
  fields["sweep"] = "abc-1";
  return fields;
}

class ReportTest : public CommandsTest {
 protected:
  ReportTest() {
    serve(group());
    daemon_.on(
        "GET /export",
        {.body = "{}", .headers = {{"Content-Disposition", "attachment; filename=\"" + std::string(k_name) + "\""}}});
    daemon_.on("GET /trials", [](const SeenRequest& request) {
      const bool second = request.target.find("batch=64") != std::string::npos;
      const ordered_json items = second ? ordered_json{row(64, 64, 30), row(64, 128, 31)}
                                        : ordered_json{row(1, 64, 20), row(1, 128, 16), row(1, 32, 40)};
      return FakeAnswer{.body = ordered_json{{"items", items}, {"next", nullptr}}.dump()};
    });
    daemon_.on("GET /guarantee",
               {.body = R"({"safe": true, "text": "safe: at worst 0.8", "measured": [1, 64], "pinned": [64],
                 "widest_gap": {"from": 2, "to": 63}, "longest_gap": {"from": 2, "to": 63}, "not_measured": [], "keys": {}, "left_out": [],
                 "problems": [{"points": {}}]})"});
    auto other = group();
    other["hidden_size"] = 4096;
    other["rows"] = 77;
    auto another_file = other;
    another_file["N"] = 1024;
    daemon_.on("GET /sweeps", {.body = R"({"items": [{"id": 1, "state": "done"}], "next": null})"});
    daemon_.on("GET /problems",
               {.body = ordered_json{{"items", {group(), other, another_file}}, {"next", nullptr}}.dump()});
  }
  /// What /best says: batch 1 is tuned, batch 64 keeps the default.
  void serve(ordered_json first, const std::vector<ordered_json>& more = {}, bool pairs = false) {
    first["configs"]["1"] = {{"config", config(128)},
                             {"latency_us", 16.0},
                             {"default_latency_us", 20.0},
                             {"speedup", 1.25},
                             {"samples", 3},
                             {"chosen", {{"config", config(128)}, {"latency_us", 16.0}, {"default", false}}},
                             {"reason", "20.00 % faster than the default, spread 1.00 %"}};
    first["configs"]["64"] = {{"config", config(64)},
                              {"latency_us", 30.0},
                              {"default_latency_us", 30.0},
                              {"speedup", 1.0},
                              {"samples", 3},
                              {"chosen", {{"config", config(64)}, {"latency_us", 30.0}, {"default", true}}},
                              {"reason", "the default is the best"}};
    if (pairs) {
      auto& chosen = first["configs"]["1"]["chosen"]["config"];
      chosen["down"] = config(32);
    }
    ordered_json results = ordered_json::array({first});
    for (auto other : more) {
      other["configs"] = first["configs"];
      results.push_back(other);
    }
    daemon_.on("GET /best", {.body = ordered_json{{"results", results}}.dump()});
  }
  static std::vector<std::string> words(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"report", "-E", "8", "-N", "512"});
    return more;
  }
};

TEST_F(ReportTest, FillsVllmsFormFromTheRows) {
  ASSERT_EQ(run_with(words()), ExitStatus::done) << err();
  EXPECT_THAT(out(), StartsWith("[Kernel][MoE] Add H200 tuned config for E=8,N=512\n\n## Purpose\n"));
  for (const std::string heading : {"\n## Test Plan\n", "\n## Test Result\n", "\n## To be added by hand\n"}) {
    EXPECT_THAT(out(), HasSubstr(heading));
  }
  EXPECT_THAT(out(), HasSubstr("- `vllm/model_executor/layers/fused_moe/configs/" + std::string(k_name) + "`\n"));
  EXPECT_THAT(out(), HasSubstr("moetune tune -E 8 -N 512 --hidden-size 2048 --topk 2 --kernel vllm\n"));
  EXPECT_THAT(out(), HasSubstr("| 1 | 16x64x64 g1 w4 s3 | 20.00 | 16x128x64 g1 w4 s3 | 16.00 | 1.250x | 1.00 % | "
                               "20.00 % faster than the default, spread 1.00 % |\n"));
  EXPECT_THAT(out(),
              HasSubstr("| 64 | 16x64x64 g1 w4 s3 | 30.00 | the default | 30.00 | 1.000x | 1.00 % | see below |\n"));
  EXPECT_THAT(out(), HasSubstr("speedup over 2 values of M: **1.118x**; most 1.250x (M=1), least 1.000x (M=64)"));
  EXPECT_THAT(out(), HasSubstr("Rows kept at the default:\n- M=64: the default is the best\n"));
  EXPECT_THAT(out(), HasSubstr("Nothing was measured between 1 and 64; there the file was not compared"));
  EXPECT_THAT(
      out(),
      HasSubstr("\n- safe: at worst 0.8\n- measured: 2 of M=1..64; farthest from a measured M in proportion: 2..63 "
                "(between 1 and 64), which is also the longest range without one\n- runs the default at M=64\n"));
  EXPECT_THAT(out(), Not(HasSubstr("Verdict")));
  EXPECT_THAT(out(), HasSubstr("| driver | 580.159.04 |\n"));
  EXPECT_THAT(out(), HasSubstr("also read for K=4096, topk=2 (77 rows in this database)"));
  EXPECT_THAT(out(), Not(HasSubstr("recording")));
  EXPECT_THAT(daemon_.seen()[0].target, HasSubstr("/best?E=8&N=512&kernel=vllm&origin=measured"));
}

TEST_F(ReportTest, HasTheVerdict) {
  auto judged = group();
  judged["verdict"] = {{"batches", 3},      {"compared", 2},
                       {"gain", 1.118},     {"traffic_gain", 1.0},
                       {"worth_it", false}, {"kernel_share", 0.35},
                       {"step_gain", 1.0},  {"text", "not worth it: 1.000x under the traffic (moetune best)"}};
  judged["between"] = ordered_json::object();
  serve(judged);
  ASSERT_EQ(run_with(words({"--kernel-share", "0.35"})), ExitStatus::done) << err();
  EXPECT_THAT(daemon_.seen()[0].target, HasSubstr("&kernel_share=0.35"));
  EXPECT_THAT(daemon_.seen()[1].target, AllOf(Not(HasSubstr("verdict")), Not(HasSubstr("between"))));
  EXPECT_THAT(out(), HasSubstr("\nVerdict: worth it: 1.118x over 2 values of M (geometric mean); 1 of 3 could not be "
                               "compared; a whole step is expected to be 1.038x as fast, the kernel taking 35.0 % of "
                               "it.\n"));
}

TEST_F(ReportTest, TheVerdictIsFitForReadersElsewhere) {
  auto judged = group();
  judged["verdict"] = {
      {"batches", 2},         {"compared", 2},
      {"gain", 1.004},        {"traffic_gain", 1.3},
      {"worth_it", true},     {"kernel_share", nullptr},
      {"step_gain", nullptr}, {"text", "worth it: 1.300x under the traffic; not known (moetune best --kernel-share)"}};
  serve(judged);
  ASSERT_EQ(run_with(words()), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("\nVerdict: not worth it: under 1 % (1.004x over 2 values of M (geometric mean)).\n"));
  EXPECT_THAT(out(), AllOf(Not(HasSubstr("traffic")), Not(HasSubstr("kernel-share"))));
  judged["verdict"]["gain"] = nullptr;
  serve(judged);
  ASSERT_EQ(run_with(words()), ExitStatus::done) << err();
  EXPECT_THAT(out(), Not(HasSubstr("Verdict")));
}

TEST_F(ReportTest, StatesTheRuleOfItsSweeps) {
  ASSERT_EQ(run_with(words()), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("only where the 99 % interval of the ratio of their times leaves \"no difference\" out "
                               "and the gain is 1 % or more"));
  daemon_.on("GET /sweeps",
             {.body = R"({"items": [{"id": 1, "state": "done", "spec": {"level": 0.999, "min_gain": 0.02}},
                                        {"id": 2, "state": "done", "spec": {"level": 0.5, "min_gain": 0.5}}],
                              "next": null})"});
  ASSERT_EQ(run_with(words()), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("only where the 99.9 % interval of"));
  EXPECT_THAT(out(), HasSubstr("the gain is 2 % or more"));
}

TEST_F(ReportTest, FillsSglangsForm) {
  auto sglang = group();
  sglang["kernel"] = "sglang";
  serve(sglang);
  daemon_.on("GET /export", [](const SeenRequest& request) {
    const bool down = request.target.find("gemm=down") != std::string::npos;
    return FakeAnswer{.body = down ? "{\"1\": 2}" : "{}",
                      .headers = {{"Content-Disposition",
                                   std::string("attachment; filename=\"X") + (down ? "_down.json\"" : ".json\"")}}};
  });
  ASSERT_EQ(run_with(words({"--format", "sglang"})), ExitStatus::done) << err();
  for (const std::string heading :
       {"## Motivation", "## Modifications", "## Accuracy Tests", "## Speed Tests and Profiling", "## Checklist"}) {
    EXPECT_THAT(out(), HasSubstr("\n" + heading + "\n"));
  }
  EXPECT_THAT(out(), HasSubstr("/configs/triton_3_6_0/X.json`\n"));
  EXPECT_THAT(out(), HasSubstr("/configs/triton_3_6_0/X_down.json`\n"));
  EXPECT_THAT(out(), HasSubstr("--kernel sglang --format sglang\n"));
}

TEST_F(ReportTest, SaysInWhatAProblemOfTheSameFileDiffers) {
  auto plain = group();
  plain["gated"] = false;
  plain["router_weight_on_input"] = true;
  plain["rows"] = 5;
  auto half = group();
  half["act_dtype"] = "float16";
  half["rows"] = 6;
  daemon_.on("GET /problems", {.body = ordered_json{{"items", {group(), plain, half}}, {"next", nullptr}}.dump()});
  ASSERT_EQ(run_with(words()), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("also read for K=2048, topk=2, gated=false, router_weight_on_input=true (5 rows"));
  EXPECT_THAT(out(), HasSubstr("also read for K=2048, topk=2, act_dtype=float16 (6 rows"));
}

TEST_F(ReportTest, PrintsWhatItHasWritten) {
  const auto page = (folder_.path() / "pull request.md").string();
  ASSERT_EQ(run_with(words({"-o", page})), ExitStatus::done) << err();
  EXPECT_EQ(out(), page + "\n");
  EXPECT_THAT(read_file(page), StartsWith("[Kernel][MoE] Add H200"));
}

TEST_F(ReportTest, SaysWhatIsOpenAndThatARecordingProvesNothing) {
  serve(group("recorded"));
  ASSERT_EQ(run_with(words({"--allow-recorded"})), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("- [ ] **These times were looked up in a recording"));
  EXPECT_THAT(out(), HasSubstr("- [ ] `vllm bench serve` before and after"));
  EXPECT_THAT(out(), HasSubstr("- [ ] `Signed-off-by`"));
  EXPECT_THAT(daemon_.seen()[0].target, Not(HasSubstr("origin")));
}

TEST_F(ReportTest, SaysWhichSweepsAreNotWhole) {
  ASSERT_EQ(run_with(words()), ExitStatus::done) << err();
  EXPECT_THAT(out(), Not(HasSubstr("would have measured")));
  daemon_.on("GET /sweeps", {.body = R"({"items": [{"id": 1, "state": "cancelled"}], "next": null})"});
  ASSERT_EQ(run_with(words()), ExitStatus::done) << err();
  EXPECT_THAT(out(),
              HasSubstr("- [ ] **Sweep abc-1 is cancelled: its rows are not all that it would have measured.**"));
}

TEST_F(ReportTest, ItsCommandsNameWhatIsNotUsual) {
  auto warm = group();
  warm["gated"] = false;
  warm["l2"] = "warm";
  serve(warm);
  ASSERT_EQ(run_with(words()), ExitStatus::done) << err();
  EXPECT_THAT(out(),
              HasSubstr("moetune tune -E 8 -N 512 --hidden-size 2048 --topk 2 --gated 0 --l2 warm --kernel vllm\n"));
}

TEST_F(ReportTest, ShowsWhereWeightsInL2WouldChooseOtherwise) {
  const auto choice = [](int block_size_n, double us) {
    return ordered_json{{"config", config(block_size_n)},
                        {"latency_us", us},
                        {"default_latency_us", nullptr},
                        {"speedup", nullptr},
                        {"samples", 3},
                        {"chosen", {{"config", config(block_size_n)}, {"latency_us", us}, {"default", false}}},
                        {"reason", ""}};
  };
  auto cold = group();
  cold["configs"] = {{"1", choice(128, 16)}, {"64", choice(64, 30)}};
  auto warm = group();
  warm["l2"] = "warm";
  warm["configs"] = {{"1", choice(32, 9)}, {"64", choice(64, 25)}, {"128", choice(32, 50)}};
  daemon_.on("GET /best", [=](const SeenRequest& request) {
    const bool asks_warm = request.target.find("l2=warm") != std::string::npos;
    return FakeAnswer{.body = ordered_json{{"results", {asks_warm ? warm : cold}}}.dump()};
  });
  ASSERT_EQ(run_with(words()), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("other configurations win at 1 of 2 values of M"));
  EXPECT_THAT(out(), HasSubstr("| 1 | 16x128x64 g1 w4 s3 | 16.00 | 16x32x64 g1 w4 s3 | 40.00 | 150.0 % |\n"));
  warm["configs"] = {{"1", choice(256, 9)}};
  daemon_.on("GET /best", [=](const SeenRequest& request) {
    const bool asks_warm = request.target.find("l2=warm") != std::string::npos;
    return FakeAnswer{.body = ordered_json{{"results", {asks_warm ? warm : cold}}}.dump()};
  });
  ASSERT_EQ(run_with(words()), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("| 1 | 16x128x64 g1 w4 s3 | 16.00 | 16x256x64 g1 w4 s3 | not measured | - |\n"));
  daemon_.on("GET /best", [=](const SeenRequest& request) {
    if (request.target.find("l2=warm") != std::string::npos) return error_answer(404, "not_found", "nothing");
    return FakeAnswer{.body = ordered_json{{"results", {cold}}}.dump()};
  });
  ASSERT_EQ(run_with(words()), ExitStatus::done) << err();
  EXPECT_THAT(out(), Not(HasSubstr("weights in L2")));
}

TEST_F(ReportTest, PairsOfTilesAreNoFileOfVllms) {
  auto pairs = group();
  serve(pairs, {}, true);
  EXPECT_NE(run_with(words()), ExitStatus::done);
  EXPECT_THAT(err(), HasSubstr("tiles of their own for GEMM 2, which vLLM's file cannot hold: --format sglang"));
}

TEST_F(ReportTest, TheGainUnderTrafficTellsNoGroupsApart) {
  auto first = group();
  first["traffic"] = {{"id", 1}, {"gain", 1.25}};
  serve(first);
  ASSERT_EQ(run_with(words()), ExitStatus::done) << err();
  for (const auto& request : daemon_.seen()) EXPECT_THAT(request.target, Not(HasSubstr("traffic")));
  auto older = group();
  older["compiler"] = "triton 3.5.1";
  older["traffic"] = {{"id", 1}, {"gain", 1.5}};
  serve(first, {older});
  EXPECT_NE(run_with(words()), ExitStatus::done);
  EXPECT_THAT(err(), AllOf(HasSubstr("--compiler"), Not(HasSubstr("traffic"))));
}

TEST_F(ReportTest, IsAboutOneGroup) {
  auto older = group();
  older["compiler"] = "triton 3.5.1";
  serve(group(), {older});
  EXPECT_NE(run_with(words()), ExitStatus::done);
  EXPECT_THAT(err(), AllOf(HasSubstr("2 groups have such rows"), HasSubstr("--compiler"), HasSubstr("triton 3.5.1")));
  EXPECT_EQ(out(), "");
}

TEST_F(ReportTest, TellsTheSizesOfAModelThatReadsTheFile) {
  const auto model = folder_.path() / "config.json";
  std::ofstream(model) << R"({"architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "hidden_size": 2048,
    "num_local_experts": 8, "num_experts_per_tok": 2, "intermediate_size": 1024, "torch_dtype": "bfloat16"})";
  ASSERT_EQ(run_with(words({"--model", model.string(), "--tp", "1,2"})), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("| MixtralForCausalLM | 2 | 8 | 512 (intermediate size / tp) | 2048 | 2 |\n"));
  EXPECT_NE(run_with(words({"--model", model.string(), "--tp", "4"})), ExitStatus::done);
  EXPECT_THAT(err(), AllOf(HasSubstr(k_name), HasSubstr("check --tp and --ep")));
}

TEST_F(ReportTest, DrawsThePictureWithGnuplot) {
  for (const auto& [ending, magic] : {std::pair(".svg", "<?xml"), std::pair(".png", "\x89PNG")}) {
    const auto picture = folder_.path() / (std::string("it's a plot") + ending);
    ASSERT_EQ(run_with(words({"--plot", picture.string(), "-o", (folder_.path() / "pr.md").string()})),
              ExitStatus::done)
        << err();
    EXPECT_THAT(read_file(picture), StartsWith(magic));
    EXPECT_EQ(out(), (folder_.path() / "pr.md").string() + "\n" + picture.string() + "\n");
    EXPECT_THAT(read_file(folder_.path() / "pr.md"), HasSubstr("![latency and speedup over M](it's a plot"));
  }
  EXPECT_NE(run_with(words({"--plot", (folder_.path() / "a\nb.svg").string()})), ExitStatus::done);
  EXPECT_THAT(err(), HasSubstr("characters that no file name should have"));
  EXPECT_NE(run_with(words({"--plot", "speedup.gif"})), ExitStatus::done);
  EXPECT_THAT(err(), HasSubstr("--plot must end in .svg or .png, not \"speedup.gif\""));
  EXPECT_NE(run_with(words({"--plot", (folder_.path() / "no" / "plot.svg").string()})), ExitStatus::done);
  EXPECT_THAT(err(), HasSubstr("gnuplot could not draw"));
}

}  // namespace
}  // namespace moetune::cli
