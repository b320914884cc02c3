// `tune --warning` with a daemon that answers as the test tells it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/commands_fixture.hpp"
#include "tests/cli/sample_sweep.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string vllm_line(const std::string& name) {
  return "Using default MoE config. Performance might be sub-optimal! Config file not found at /x/vllm/configs/" +
         name + "\n";
}
std::string sglang_line(const std::string& name) {
  return "Using default MoE kernel config. Performance might be sub-optimal! Config file not found at /x/" + name +
         ", you can create them with\n";
}

const std::string k_fp8 = "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json";
const std::string k_bf16 = "E=64,N=1408,device_name=NVIDIA_H200.json";

class TuneWarningTest : public CommandsTest {
 protected:
  TuneWarningTest() {
    serve_gpus(R"([{"index":0,"name":"NVIDIA_H200","raw_name":"NVIDIA H200"}])");
    serve_problems("");
    daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
    daemon_.on("POST /uploads", {.status = 201, .body = R"({"id":"upload-7"})"});
    serve_sweep(sample_sweep("queued", 0, 0));
  }
  void serve_gpus(const std::string& gpus) {
    daemon_.on("GET /doctor", {.body = fmt::format(R"({{"version":"1","checks":[],"gpus":{}}})", gpus)});
  }
  void serve_problems(const std::string& items) {
    daemon_.on("GET /problems", {.body = fmt::format(R"({{"items":[{}],"next":null}})", items)});
  }
  static std::string problem(int hidden_size, int topk, const std::string& act_dtype = "bfloat16") {
    return fmt::format(
        R"({{"E":256,"N":512,"hidden_size":{},"topk":{},"dtype":"fp8_w8a8","act_dtype":"{}","block_shape":[128,128],)"
        R"("gated":true,"per_channel_quant":false,"router_weight_on_input":false,"rows":320,"ok_rows":288,)"
        R"("newest":"2026-01-01T00:00:00Z"}})",
        hidden_size, topk, act_dtype);
  }
  ExitStatus tune_warning(const std::string& warning, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"tune", "--detach", "--warning", warning});
    return run_with(more);
  }
  std::vector<ordered_json> created() const {
    std::vector<ordered_json> specs;
    for (const auto& request : daemon_.seen("POST /sweeps")) specs.push_back(ordered_json::parse(request.body));
    return specs;
  }
};

TEST_F(TuneWarningTest, TakesTheProblemFromTheNameAndTheKernelFromTheEngine) {
  EXPECT_EQ(tune_warning(vllm_line(k_fp8), {"--hidden-size", "2048", "--topk", "8"}), ExitStatus::done) << err();
  EXPECT_THAT(created(), ElementsAre(ordered_json::parse(R"({"E":256,"N":512,"dtype":"fp8_w8a8",
      "block_shape":[128,128],"hidden_size":2048,"topk":8,"kernel":"vllm"})")));
}

TEST_F(TuneWarningTest, SglangsLineIsTunedWithItsKernel) {
  const std::string name = "E=257,N=256,device_name=NVIDIA_H200,dtype=fp8_w8a8,per_channel_quant=True_down.json";
  EXPECT_EQ(tune_warning(sglang_line(name), {"--hidden-size", "7168", "--topk", "9"}), ExitStatus::done) << err();
  EXPECT_THAT(created(), ElementsAre(ordered_json::parse(R"({"E":257,"N":256,"dtype":"fp8_w8a8",
      "per_channel_quant":true,"hidden_size":7168,"topk":9,"kernel":"sglang"})")));
}

TEST_F(TuneWarningTest, FlagsSayHowToTune) {
  EXPECT_EQ(tune_warning(vllm_line(k_fp8), {"--hidden-size", "2048", "--topk", "8", "--kernel", "cuda", "--batch", "1",
                                            "--act-dtype", "float16", "--dtype", "fp8_w8a8"}),
            ExitStatus::done)
      << err();
  ASSERT_THAT(created(), SizeIs(1));
  EXPECT_EQ(created()[0]["kernel"], "cuda");
  EXPECT_EQ(created()[0]["act_dtype"], "float16");
  EXPECT_EQ(created()[0]["batch"], ordered_json({1}));
}

TEST_F(TuneWarningTest, ARecordingNeedsNoGpuOfThatName) {
  const auto rows = folder_.file("rows.jsonl", "{}\n").string();
  const std::string line = vllm_line("E=8,N=512,device_name=NVIDIA_L20.json");
  EXPECT_EQ(tune_warning(line, {"--hidden-size", "2048", "--topk", "2", "--recording", rows}), ExitStatus::done)
      << err();
  ASSERT_THAT(created(), SizeIs(1));
  EXPECT_FALSE(created()[0].contains("kernel")) << "a daemon that does not tell what the recording holds";
  EXPECT_EQ(created()[0]["recording"], "upload-7");
  EXPECT_THAT(daemon_.seen("GET /doctor"), IsEmpty());
}

/// Warnings that are tuned from a recording of one problem.
class TuneRecordedTest : public TuneWarningTest {
 protected:
  void serve_groups(const std::vector<std::pair<std::string, std::string>>& devices_and_kernels) {
    ordered_json groups = ordered_json::array();
    for (const auto& [device, kernel] : devices_and_kernels) {
      groups.push_back({{"device", device},
                        {"problem", ordered_json::parse(problem(2048, 8))},
                        {"kernel", kernel},
                        {"l2", "cold"},
                        {"routing", "uniform"},
                        {"rows", 7}});
      for (const char* more : {"rows", "ok_rows", "newest"}) groups.back()["problem"].erase(more);
    }
    daemon_.on("GET /uploads/upload-7/groups", {.body = ordered_json{{"groups", groups}}.dump()});
  }
  ExitStatus tune_recorded(const std::string& warning, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--hidden-size", "2048", "--topk", "8", "--recording", rows_});
    return tune_warning(warning, more);
  }
  std::string kernel() const { return created().size() == 1 ? created()[0].value("kernel", "") : "none"; }

  std::string rows_ = folder_.file("rows.jsonl", "{}\n").string();
};

TEST_F(TuneRecordedTest, TheKernelIsTheEnginesOwnOrTheOnlyOneThatIsThere) {
  serve_groups({{"NVIDIA_H200", "cuda"}, {"NVIDIA_H200", "vllm"}, {"NVIDIA_H200", "sglang"}});
  EXPECT_EQ(tune_recorded(vllm_line(k_fp8)), ExitStatus::done) << err();
  EXPECT_EQ(kernel(), "vllm");
}

TEST_F(TuneRecordedTest, AnotherKernelIsTakenWhereItIsTheOnlyOneAndSaid) {
  serve_groups({{"NVIDIA_H200", "sglang"}, {"NVIDIA_H200", "vllm-scan"}});
  EXPECT_EQ(tune_recorded(vllm_line(k_fp8)), ExitStatus::done) << err();
  EXPECT_EQ(kernel(), "sglang");
  EXPECT_THAT(err(), HasSubstr(rows_ + " has times of the kernel sglang alone for this problem"));
}

TEST_F(TuneRecordedTest, AmongOtherKernelsTheUserChooses) {
  serve_groups({{"NVIDIA_H200", "cuda"}, {"NVIDIA_H200", "sglang"}});
  EXPECT_EQ(tune_recorded(vllm_line(k_fp8)), ExitStatus::usage);
  EXPECT_THAT(err(), HasSubstr(rows_ + " has times of several kernels for this problem: cuda, sglang; name one of "
                                       "them with --kernel"));
  EXPECT_EQ(tune_recorded(vllm_line(k_fp8), {"--kernel", "cuda"}), ExitStatus::done) << err();
  EXPECT_EQ(kernel(), "cuda");
}

TEST_F(TuneRecordedTest, AFileForAnotherGpuIsRefused) {
  serve_groups({{"NVIDIA_L20", "vllm"}});
  EXPECT_EQ(tune_recorded(vllm_line(k_fp8)), ExitStatus::failed);
  EXPECT_THAT(err(), HasSubstr(k_fp8 + " is a file for NVIDIA_H200, and the times of " + rows_ + " are of NVIDIA_L20"));
  EXPECT_THAT(created(), IsEmpty());
  EXPECT_EQ(tune_recorded(vllm_line(k_fp8), {"--kernel", "vllm"}), ExitStatus::failed) << "also with its kernel named";
}

TEST_F(TuneRecordedTest, ErrorsNameTheFileAsItWasGiven) {
  daemon_.on("GET /uploads/upload-7/groups", error_answer(400, "invalid_argument", "upload upload-7 line 3: no trial"));
  EXPECT_EQ(tune_recorded(vllm_line(k_fp8)), ExitStatus::usage);
  EXPECT_EQ(err(), "moetune: " + rows_ + " line 3: no trial\n");
  serve_groups({});
  daemon_.on("POST /sweeps", error_answer(404, "not_found", "upload upload-7 has no rows of E=256"));
  EXPECT_EQ(tune_recorded(vllm_line(k_fp8)), ExitStatus::failed);
  EXPECT_EQ(err(), "moetune: " + rows_ + " has no rows of E=256\n");
}

TEST_F(TuneWarningTest, SeveralMissingFilesAreSeveralSweeps) {
  const auto log = folder_.file("vllm.log", vllm_line(k_fp8) + vllm_line(k_bf16) + vllm_line(k_fp8)).string();
  EXPECT_EQ(tune_warning(log, {"--hidden-size", "2048", "--topk", "8"}), ExitStatus::done) << err();
  ASSERT_THAT(created(), SizeIs(2));
  EXPECT_EQ(created()[0]["N"], 512);
  EXPECT_EQ(created()[1]["N"], 1408);
  EXPECT_FALSE(created()[1].contains("dtype"));
}

TEST_F(TuneWarningTest, EAndNChooseAmongSeveral) {
  const std::string both = vllm_line(k_fp8) + vllm_line(k_bf16);
  EXPECT_EQ(tune_warning(both, {"-E", "64", "--hidden-size", "2048", "--topk", "6"}), ExitStatus::done) << err();
  ASSERT_THAT(created(), SizeIs(1));
  EXPECT_EQ(created()[0]["E"], 64);
  EXPECT_EQ(tune_warning(both, {"-E", "65", "--hidden-size", "2048", "--topk", "6"}), ExitStatus::usage);
  EXPECT_THAT(err(), HasSubstr("-E and -N"));
}

TEST_F(TuneWarningTest, ALogThatSpeaksAgainstTuningCreatesNothing) {
  const std::string log =
      "Using 'MARLIN' NvFp4 MoE backend out of potential backends: ['MARLIN'].\n" + vllm_line(k_bf16);
  EXPECT_EQ(tune_warning(log, {"--hidden-size", "2048", "--topk", "8"}), ExitStatus::failed);
  EXPECT_THAT(err(), AllOf(HasSubstr("nothing to tune"), HasSubstr("MARLIN")));
  EXPECT_EQ(
      tune_warning(vllm_line("E=8,N=8,device_name=X,dtype=mxfp4_w4a4.json"), {"--hidden-size", "64", "--topk", "2"}),
      ExitStatus::failed);
  EXPECT_THAT(err(), AllOf(HasSubstr("nothing to tune"), HasSubstr("mxfp4_w4a4")));
  EXPECT_THAT(daemon_.seen(), IsEmpty());
}

TEST_F(TuneWarningTest, FlagsMustNotContradictTheName) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--dtype", "int8_w8a16"}, {"--block-shape", "64,128"}, {"--dtype", "none"}}) {
    auto more = flags;
    more.insert(more.end(), {"--hidden-size", "2048", "--topk", "8"});
    EXPECT_EQ(tune_warning(vllm_line(k_fp8), more), ExitStatus::usage);
    EXPECT_THAT(err(), AllOf(HasSubstr("the flags make it"), HasSubstr(k_fp8)));
  }
  EXPECT_THAT(daemon_.seen(), IsEmpty());
}

TEST_F(TuneWarningTest, TheOnlyKnownProblemTellsTheRest) {
  auto other = problem(4096, 6);
  other.replace(other.find("512"), 3, "256");
  serve_problems(other + "," + problem(2048, 8, "float16"));
  EXPECT_EQ(tune_warning(vllm_line(k_fp8)), ExitStatus::done) << err();
  ASSERT_THAT(created(), SizeIs(1));
  EXPECT_EQ(created()[0]["hidden_size"], 2048);
  EXPECT_EQ(created()[0]["topk"], 8);
  EXPECT_EQ(created()[0]["act_dtype"], "float16");
  EXPECT_THAT(err(), HasSubstr("as known from 320 rows: --hidden-size 2048 --topk 8 --act-dtype float16"));
}

TEST_F(TuneWarningTest, AsksBackWhereSeveralProblemsFit) {
  serve_problems(problem(2048, 8) + "," + problem(7168, 8) + "," + problem(7168, 8, "float16"));
  EXPECT_EQ(tune_warning(vllm_line(k_fp8)), ExitStatus::usage);
  EXPECT_THAT(err(), EndsWith("add the flags of one of them:\n"
                              "  --hidden-size 2048 --topk 8 --act-dtype bfloat16\n"
                              "  --hidden-size 7168 --topk 8 --act-dtype bfloat16\n"
                              "  --hidden-size 7168 --topk 8 --act-dtype float16\n"));
  EXPECT_EQ(tune_warning(vllm_line(k_fp8), {"--hidden-size", "2048"}), ExitStatus::done) << err();
  EXPECT_EQ(created().at(0)["topk"], 8);
}

TEST_F(TuneWarningTest, AsksForWhatNobodyKnows) {
  auto other = problem(7168, 8);
  other.replace(other.find("512"), 3, "256");
  serve_problems(other);
  EXPECT_EQ(tune_warning(vllm_line(k_fp8)), ExitStatus::usage);
  EXPECT_THAT(err(), AllOf(HasSubstr("--hidden-size and --topk are needed"), HasSubstr("config.json"),
                           HasSubstr("known problems with 256 experts have:\n  --hidden-size 7168 --topk 8\n")));
  EXPECT_THAT(created(), IsEmpty());
}

TEST_F(TuneWarningTest, AFileOfAnotherGpuCannotBeMeasuredHere) {
  const std::string other = "E=8,N=512,device_name=NVIDIA_H100_80GB_HBM3.json";
  EXPECT_EQ(tune_warning(vllm_line(other), {"--hidden-size", "2048", "--topk", "2"}), ExitStatus::failed);
  EXPECT_THAT(err(), AllOf(HasSubstr("NVIDIA_H100_80GB_HBM3"), HasSubstr("here is NVIDIA_H200")));
  EXPECT_THAT(created(), IsEmpty());
  EXPECT_EQ(tune_warning(vllm_line(other) + vllm_line(k_bf16), {"--hidden-size", "2048", "--topk", "2"}),
            ExitStatus::done);
  EXPECT_THAT(err(), HasSubstr("left out: the warning is from a machine with NVIDIA_H100_80GB_HBM3"));
  EXPECT_THAT(created(), SizeIs(1));
}

TEST_F(TuneWarningTest, TakesTheGpusOfTheNameInAMixedMachine) {
  serve_gpus(R"([{"index":0,"name":"NVIDIA_L20","raw_name":"NVIDIA L20"},
                 {"index":1,"name":"NVIDIA_H200","raw_name":"NVIDIA H200 NVL"}])");
  const std::vector<std::string> rest = {"--hidden-size", "2048", "--topk", "8"};
  EXPECT_EQ(tune_warning(vllm_line(k_fp8), rest), ExitStatus::done) << err();
  EXPECT_EQ(tune_warning(sglang_line("E=8,N=512,device_name=NVIDIA_H200_NVL.json"), rest), ExitStatus::done) << err();
  ASSERT_THAT(created(), SizeIs(2));
  EXPECT_EQ(created()[0]["gpus"], ordered_json({1}));
  EXPECT_EQ(created()[1]["gpus"], ordered_json({1}));
  auto other = rest;
  other.insert(other.end(), {"--gpus", "0"});
  EXPECT_EQ(tune_warning(vllm_line(k_fp8), other), ExitStatus::failed);
}

TEST_F(TuneWarningTest, KnowsTheNameThatVllmGivesToTheWholeFamily) {
  serve_gpus(R"([{"index":0,"name":"NVIDIA_H200_NVL","raw_name":"NVIDIA H200 NVL"}])");
  const std::vector<std::string> rest = {"--hidden-size", "2048", "--topk", "8"};
  EXPECT_EQ(tune_warning(vllm_line(k_fp8), rest), ExitStatus::done) << err();
  EXPECT_EQ(tune_warning(vllm_line("E=8,N=512,device_name=NVIDIA_H200_NVL.json"), rest), ExitStatus::done)
      << "an older vLLM" << err();
  EXPECT_EQ(tune_warning(sglang_line("E=8,N=512,device_name=NVIDIA_H200_NVL.json"), rest), ExitStatus::done) << err();
  EXPECT_EQ(tune_warning(sglang_line("E=8,N=512,device_name=NVIDIA_H200.json"), rest), ExitStatus::failed);
}

TEST_F(TuneWarningTest, NotesThatSomethingElseIsThereToo) {
  const std::string log = "Using configuration from /x/vllm/E=8,N=8,device_name=NVIDIA_H200.json for MoE layer.\n";
  EXPECT_EQ(tune_warning(log + vllm_line(k_bf16), {"--hidden-size", "64", "--topk", "2"}), ExitStatus::done);
  EXPECT_THAT(err(), HasSubstr("found by the engine, and not tuned again: \"E=8,N=8"));
  EXPECT_THAT(err(), Not(HasSubstr("another kernel")));
}

class TuneWarningModelTest : public TuneWarningTest {
 protected:
  const std::string model_ =
      folder_
          .file(
              "config.json",
              R"({"architectures":["Qwen3MoeForCausalLM"],"num_experts":256,"num_experts_per_tok":8,"hidden_size":4096,
                    "moe_intermediate_size":1024,"torch_dtype":"bfloat16","quantization_config":{"quant_method":"fp8",
                    "weight_block_size":[128,128]}})")
          .string();
};

TEST_F(TuneWarningModelTest, TheModelTellsTheRestHoweverItIsSpread) {
  std::string log = vllm_line(k_fp8) + vllm_line(
                                           "E=32,N=1024,device_name=NVIDIA_H200,dtype=fp8_w8a8,"
                                           "block_shape=[128,128].json");
  EXPECT_EQ(tune_warning(log, {"--model", model_}), ExitStatus::done) << err();
  ASSERT_THAT(created(), SizeIs(2));
  for (const auto& spec : created()) {
    EXPECT_EQ(spec["hidden_size"], 4096);
    EXPECT_EQ(spec["topk"], 8);
  }
  EXPECT_EQ(created()[0]["N"], 512);
  EXPECT_EQ(created()[1]["E"], 32);
  EXPECT_THAT(daemon_.seen("GET /problems"), IsEmpty());
}

TEST_F(TuneWarningModelTest, AFileOfAnotherModelIsLeftOut) {
  EXPECT_EQ(tune_warning(vllm_line(k_bf16) + vllm_line(k_fp8), {"--model", model_}), ExitStatus::done) << err();
  EXPECT_THAT(err(), HasSubstr("left out, no file of the model: " + k_bf16));
  ASSERT_THAT(created(), SizeIs(1));
  EXPECT_EQ(tune_warning(vllm_line(k_bf16), {"--model", model_}), ExitStatus::usage);
  EXPECT_THAT(err(), AllOf(HasSubstr(k_bf16), HasSubstr("it has: E=256,N=1024,hidden_size=4096,topk=8,fp8_w8a8")));
  EXPECT_EQ(tune_warning(vllm_line(k_fp8), {"--model", model_, "--topk", "6"}), ExitStatus::usage);
}

}  // namespace
}  // namespace moetune::cli
