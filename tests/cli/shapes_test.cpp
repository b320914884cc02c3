#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/commands_fixture.hpp"
#include "tests/cli/sample_sweep.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

/// Commands about a model, with a daemon that has one GPU and takes every sweep.
class ModelCommandsTest : public CommandsTest {
 protected:
  ModelCommandsTest() {
    gpus({"NVIDIA_H200", "NVIDIA_H200"});
    daemon_.on("POST /sweeps", [this](const SeenRequest&) {
      return FakeAnswer{.status = 202, .body = ordered_json{{"id", next_id_++}}.dump()};
    });
    for (const int id : {3, 4, 5, 6}) {
      auto sweep = sample_sweep("done", 5760, 1);
      sweep["id"] = id;
      daemon_.on("GET /sweeps/" + std::to_string(id), {.body = sweep.dump()});
    }
  }

  void gpus(const std::vector<std::string>& names) {
    ordered_json answer = {{"gpus", ordered_json::array()}};
    for (const auto& name : names) answer["gpus"].push_back({{"device", name}});
    daemon_.on("GET /doctor", {.body = answer.dump()});
  }

  static std::string known(const std::string& name) {
    return std::string(MOETUNE_MODEL_CONFIGS) + "/" + name + ".json";
  }

  /// The bodies of POST /sweeps, in their order.
  std::vector<ordered_json> sweeps() const {
    std::vector<ordered_json> bodies;
    for (const auto& request : daemon_.seen("POST /sweeps")) bodies.push_back(ordered_json::parse(request.body));
    return bodies;
  }

  int next_id_ = 3;
};

TEST_F(ModelCommandsTest, ShapesAreATableAndTheNamesOfBothEngines) {
  EXPECT_EQ(run_with({"shapes", "--model", known("deepseek_v3"), "--tp", "4,8"}), ExitStatus::done) << err();
  EXPECT_EQ(out(),
            "DeepseekV3ForCausalLM: hidden size 7168, 8 experts per token, fp8_w8a8, block\n"
            "shape [128, 128]\n"
            "\n"
            "tp  ep  engine    E    N     K  topk\n"
            " 4  no  vllm    256  512  7168     8\n"
            " 4  no  sglang  257  512  7168     9\n"
            " 8  no  vllm    256  256  7168     8\n"
            " 8  no  sglang  257  256  7168     9\n"
            "\n"
            "vLLM looks for:\n"
            "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json\n"
            "E=256,N=256,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json\n"
            "\n"
            "SGLang looks for (_down, for GEMM 2, may be missing):\n"
            "E=257,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128].json\n"
            "E=257,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128]_down.json\n"
            "E=257,N=256,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128].json\n"
            "E=257,N=256,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128]_down.json\n");
  EXPECT_EQ(err(), "");
}

TEST_F(ModelCommandsTest, ShapesAsJsonNeedNoDaemonWithADevice) {
  EXPECT_EQ(
      run_with({"shapes", "--model", known("ernie_4_5_vl_28b_a3b"), "--tp", "2", "--device", "NVIDIA_L20", "--json"}),
      ExitStatus::done);
  const auto shapes = ordered_json::parse(out())["shapes"];
  ASSERT_EQ(shapes.size(), 2U);
  EXPECT_EQ(shapes[1]["engines"]["vllm"],
            ordered_json::parse(R"({"E":64,"N":256,"file":"E=64,N=256,device_name=NVIDIA_L20.json"})"));
  EXPECT_TRUE(daemon_.seen().empty());
}

TEST_F(ModelCommandsTest, ShapesSayWhyThereAreNoNames) {
  gpus({});
  EXPECT_EQ(run_with({"shapes", "--model", known("olmoe")}), ExitStatus::done);
  EXPECT_EQ(err(), "note: file names need the GPU's name: --device NAME (the daemon knows of no GPU)\n");
  EXPECT_THAT(out(), AllOf(HasSubstr("vllm"), Not(HasSubstr(".json"))));
  gpus({"NVIDIA_H200", "NVIDIA_L20"});
  EXPECT_EQ(run_with({"shapes", "--model", known("olmoe"), "--json"}), ExitStatus::done);
  EXPECT_THAT(err(), HasSubstr("there are several: NVIDIA_H200, NVIDIA_L20"));
  EXPECT_EQ(ordered_json::parse(out())["shapes"][0]["engines"]["vllm"]["file"], nullptr);
}

TEST_F(ModelCommandsTest, ShapesTellNothingToTuneFromBadInput) {
  for (const char* command : {"shapes", "tune"}) {
    EXPECT_EQ(run_with({command, "--model", known("gpt_oss_20b")}), ExitStatus::failed);
    EXPECT_THAT(err(), EndsWith("nothing to tune: mxfp4 experts run in kernels that read no tuned file\n"));
    EXPECT_EQ(run_with({command, "--model", folder_.file("bad.json", R"({"num_experts": "x"})").string()}),
              ExitStatus::usage);
    EXPECT_THAT(err(), HasSubstr("config.num_experts must be a whole number"));
    EXPECT_EQ(run_with({command, "--model", known("olmoe"), "--tp", "1,3"}), ExitStatus::usage);
    EXPECT_EQ(err(), "moetune: --tp 3: the intermediate size 1024 cannot be divided by 3 ranks: 1 is left over\n");
    EXPECT_EQ(out(), "");
  }
  EXPECT_TRUE(daemon_.seen().empty());
}

TEST_F(ModelCommandsTest, ShapesNoteWhatToCheck) {
  EXPECT_EQ(run_with({"shapes", "--model", known("qwen3_235b_fp8"), "--tp", "8", "--device", "X"}), ExitStatus::done);
  EXPECT_EQ(err(), "note: tp 8: N=192 is no multiple of the quantisation block's 128; engines may refuse it\n");
  EXPECT_EQ(run_with({"shapes", "--model", known("glm_4_5v"), "--device", "X"}), ExitStatus::done);
  EXPECT_THAT(err(), HasSubstr("note: Glm4vMoeForConditionalGeneration is not known; taken instead: E from "
                               "text_config.n_routed_experts"));
}

TEST_F(ModelCommandsTest, TuneMakesASweepOfEachShape) {
  EXPECT_EQ(run_with({"tune", "--model", known("ernie_4_5_vl_28b_a3b"), "--tp", "1,2", "--batch", "1"}),
            ExitStatus::done)
      << err();
  std::vector<int> sizes;
  for (const auto& sweep : sweeps()) sizes.push_back(sweep["N"]);
  EXPECT_THAT(sizes, testing::ElementsAre(1536, 512, 768, 256));
  EXPECT_EQ(sweeps()[0].dump(),
            R"({"E":64,"N":1536,"hidden_size":2560,"topk":6,"dtype":null,"act_dtype":"bfloat16","block_shape":null,)"
            R"("gated":true,"per_channel_quant":false,"router_weight_on_input":false,"batch":[1]})");
  EXPECT_THAT(out(), HasSubstr("Ernie4_5_VLMoeForConditionalGeneration, tp 2: E=64, N=256\nsweep 6 done"));
}

TEST_F(ModelCommandsTest, TuneMakesOneSweepOfEqualShapes) {
  const auto twice = folder_.file("twice.json", R"({"architectures": ["HunYuanMoEV1ForCausalLM"], "hidden_size": 4096,
      "num_experts": 64, "moe_topk": 8, "moe_intermediate_size": [3072, 1536]})");
  EXPECT_EQ(run_with({"tune", "--model", twice.string(), "--tp", "1,2", "--detach"}), ExitStatus::done) << err();
  EXPECT_EQ(sweeps().size(), 3U);  // 3072, 1536, 768: 3072 / 2 is 1536
}

TEST_F(ModelCommandsTest, TuneTakesTheShapeOfTheKernelsEngine) {
  EXPECT_EQ(
      run_with({"tune", "--model", known("llama_4_scout"), "--tp", "8", "--ep", "--kernel", "sglang", "--detach"}),
      ExitStatus::done);
  EXPECT_EQ(sweeps().at(0)["E"], 3);
  EXPECT_EQ(sweeps().at(0)["topk"], 2);
  EXPECT_EQ(sweeps().at(0)["router_weight_on_input"], true);
  EXPECT_EQ(run_with({"tune", "--model", known("llama_4_scout"), "--tp", "8", "--ep", "--kernel", "vllm", "--detach"}),
            ExitStatus::done);
  EXPECT_EQ(sweeps().at(1)["E"], 2);
  EXPECT_EQ(sweeps().at(1)["topk"], 1);
}

TEST_F(ModelCommandsTest, TunesFlagsChooseAndCorrect) {
  const std::string model = known("ernie_4_5_vl_28b_a3b");
  EXPECT_EQ(run_with({"tune", "--model", model, "-N", "512", "--detach"}), ExitStatus::done);
  ASSERT_EQ(sweeps().size(), 1U);
  EXPECT_EQ(sweeps()[0]["N"], 512);
  EXPECT_EQ(run_with({"tune", "--model", model, "-N", "513", "--detach"}), ExitStatus::usage);
  EXPECT_THAT(err(), AllOf(HasSubstr("no shape of --model has the sizes given"), HasSubstr("E=64,N=1536,")));
  EXPECT_EQ(run_with({"tune", "--model", known("deepseek_v3"), "--dtype", "none", "--detach"}), ExitStatus::done);
  EXPECT_FALSE(sweeps().at(1).contains("dtype"));
  EXPECT_FALSE(sweeps().at(1).contains("block_shape"));
  EXPECT_EQ(run_with({"tune", "--model", known("deepseek_v3"), "--block-shape", "64,64", "--detach"}),
            ExitStatus::done);
  EXPECT_EQ(sweeps().at(2)["block_shape"].dump(), "[64,64]");
}

}  // namespace
}  // namespace moetune::cli
