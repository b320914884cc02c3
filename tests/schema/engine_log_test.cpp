#include "schema/engine_log.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* k_vllm_name = "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json";
constexpr const char* k_sglang_name = "E=257,N=256,device_name=NVIDIA_L20,dtype=fp8_w8a8,block_shape=[128, 128].json";
const std::string k_vllm_path = std::string("/opt/py/lib/vllm/model_executor/layers/fused_moe/configs/") + k_vllm_name;
const std::string k_sglang_path =
    std::string("/opt/py/lib/sglang/srt/layers/moe/fused_moe_triton/configs/triton_3_4_0/") + k_sglang_name;

/// The name is missing, and nothing else is in the log.
struct Wording {
  std::string log;
  std::string name;
  EngineFormat engine = EngineFormat::vllm;
};

std::string vllm_warning(const std::string& paths) {
  return "Using default MoE config. Performance might be sub-optimal! Config file not found at " + paths;
}
std::string sglang_warning(const std::string& path) {
  return "Using default MoE kernel config. Performance might be sub-optimal! Config file not found at " + path +
         ", you can create them with "
         "https://github.com/sgl-project/sglang/tree/main/benchmark/kernels/fused_moe_triton";
}

std::vector<Wording> wordings() {
  const std::string plain = "E=8,N=14336,device_name=NVIDIA_A100-SXM4-80GB.json";
  const std::string down =
      "E=257,N=256,device_name=NVIDIA_L20,dtype=fp8_w8a8,block_shape=[128, 128],per_channel_quant=True_down.json";
  return {
      {vllm_warning(k_vllm_path), k_vllm_name},
      {"WARNING 09-24 20:53:34 [fused_moe.py:727] " + vllm_warning("['" + k_vllm_path + "']"), k_vllm_name},
      {"(EngineCore_DP0 pid=310) WARNING 06-01 21:42:14 [fused_moe.py:1071] " + vllm_warning(k_vllm_path) + "\n",
       k_vllm_name},
      {vllm_warning("['/srv/tuned files, ours/" + plain + "', '/opt/py/vllm/configs/" + plain + "']"), plain},
      {vllm_warning("/srv/tuned, and old/" + plain + ", /opt/py/vllm/configs/" + plain), plain},
      {vllm_warning("/srv/sglang/" + plain + ", /opt/py/lib/vllm/configs/" + plain), plain},
      {"Config file not found: " + plain, plain},
      {"\x1b[1;36m(Worker_TP2 pid=7)\x1b[0;0m WARNING \x1b[33m" + vllm_warning(k_vllm_path) + "\x1b[0m", k_vllm_name},
      {R"({"time":"2026-01-02T03:04:05Z","level":"WARNING","message":")" + vllm_warning(k_vllm_path) +
           R"(","logger":"vllm.model_executor"})",
       k_vllm_name},
      {R"({"log":"\u001b[33mWARNING )" + vllm_warning(R"(\/opt\/py\/vllm\/)" + plain) + R"(\n","stream":"stderr"})",
       plain},
      {R"({"log":"{\"msg\": \")" + vllm_warning("/x/vllm/" + plain) + R"(\\n\"}\n"})", plain},
      {"{\"msg\":\"Config file not found at /x/E\\u003d8,N\\u003d14336,device_name\\u003dNVIDIA_A100-SXM4-80GB.json\"}",
       plain},
      {"Using default MoE config. Performance might be sub-optimal! Config file not found at\n    .../configs/" + plain,
       plain},
      {"  Using default MoE config. Performance\r\n  might be sub-optimal! Config file not\r\n  found at "
       "/a/vllm/configs/E=8,N=14\r\n  336,device_name=NVIDIA_A100-SXM4-8\r\n  0GB.json\r\n",
       plain},
      {vllm_warning("/a/b/" + plain + ",\n    /a/vllm/" + plain), plain},
      {vllm_warning("/a/E=9/N=1,device_name=x/" + plain), plain},
      {vllm_warning("E=256,N=512,device_name=NVIDIA_H100_MIG_1g.10gb,dtype=int8_w8a16.json"),
       "E=256,N=512,device_name=NVIDIA_H100_MIG_1g.10gb,dtype=int8_w8a16.json"},
      {sglang_warning(k_sglang_path), k_sglang_name, EngineFormat::sglang},
      {"[2026-01-02 03:04:05 TP0] " + sglang_warning("/data/configs/triton_3_4_0/" + plain), plain,
       EngineFormat::sglang},
      {"[2025-05-01 10:00:00 TP3] Using default MoE config. Performance might be sub-optimal! Config file not found at "
       "/data/configs/" +
           plain + ", you can tune the config with https://github.com/sgl-project/sglang/blob/main/x.py.",
       plain, EngineFormat::sglang},
      {"Using MoE kernel config with down_moe=False. Performance might be sub-optimal! Config file not found at /d/" +
           down + ", you can create them with https://github.com/sgl-project/sglang",
       down, EngineFormat::sglang},
      {"Down MoE config file not found at /d/" + down +
           "; reusing the tuned up-projection config without TMA. "
           "Performance might be sub-optimal.",
       down, EngineFormat::sglang},
      {"Config file not found at " + k_sglang_path +
           ". Fallback to triton version 3.3.1 and use MoE kernel config from "
           "/opt/py/lib/sglang/srt/configs/triton_3_3_1/" +
           k_sglang_name + ". Performance might be sub-optimal!",
       k_sglang_name, EngineFormat::sglang},
      {"Using default MoE kernel config. Performance might be sub-optimal! Config file not found at /d/E=257,N=256,"
       "device_name=NVIDIA_L20,dtype=fp8_w8a8,block_shape=[128,\n   128].json, you can create them with",
       "E=257,N=256,device_name=NVIDIA_L20,dtype=fp8_w8a8,block_shape=[128,128].json", EngineFormat::sglang},
  };
}

TEST(EngineLogTest, FindsTheMissingFileInEveryWording) {
  for (const Wording& wording : wordings()) {
    const auto findings = read_engine_log(wording.log);
    ASSERT_THAT(findings.missing, SizeIs(1)) << wording.log;
    const LoggedFile& file = findings.missing[0];
    EXPECT_EQ(file.text, wording.name) << wording.log;
    EXPECT_EQ(file.engine, wording.engine) << wording.log;
    auto name = engine_file_name_from_text(wording.name).value();
    name.format.reset();
    EXPECT_EQ(file.name, name) << wording.log;
    EXPECT_THAT(findings.found, IsEmpty()) << wording.log;
    EXPECT_THAT(findings.named, IsEmpty()) << wording.log;
    EXPECT_THAT(findings.unreadable, IsEmpty()) << wording.log;
    EXPECT_THAT(findings.backends, IsEmpty()) << wording.log;
  }
}

TEST(EngineLogTest, ListsDistinctFilesInTheirOrder) {
  std::string log;
  for (int rank = 0; rank < 8; ++rank) {
    for (const char* device : {"NVIDIA_L20", "NVIDIA_H100_80GB_HBM3"}) {
      log += fmt::format("(Worker_TP{} pid=1) {}\n", rank,
                         vllm_warning(fmt::format("/a/vllm/E=64,N=1408,device_name={}.json", device)));
    }
  }
  const auto findings = read_engine_log(log + sglang_warning(k_sglang_path));
  ASSERT_THAT(findings.missing, SizeIs(3));
  EXPECT_EQ(findings.missing[0].name.device, "NVIDIA_L20");
  EXPECT_EQ(findings.missing[1].name.device, "NVIDIA_H100_80GB_HBM3");
  EXPECT_EQ(findings.missing[2].engine, EngineFormat::sglang);
}

TEST(EngineLogTest, TellsAFileThatWasFound) {
  for (const auto& [log, engine] :
       {std::pair{"INFO [fused_moe.py:1077] Using configuration from " + k_vllm_path + " for MoE layer.",
                  EngineFormat::vllm},
        {"[TP0] Using MoE kernel config from " + k_sglang_path + ".", EngineFormat::sglang},
        {"Using configuration from /d/sglang/E=8,N=512,device_name=NVIDIA_L20.json for MoE layer. Please note that",
         EngineFormat::sglang}}) {
    const auto findings = read_engine_log(log);
    ASSERT_THAT(findings.found, SizeIs(1)) << log;
    EXPECT_EQ(findings.found[0].engine, engine) << log;
    EXPECT_THAT(findings.missing, IsEmpty()) << log;
  }
}

TEST(EngineLogTest, BelievesTheLastWordOnAFile) {
  const std::string missing = vllm_warning(k_vllm_path) + "\n";
  const std::string found = "Using configuration from " + k_vllm_path + " for MoE layer.\n";
  EXPECT_THAT(read_engine_log(missing + found).missing, IsEmpty());
  EXPECT_THAT(read_engine_log(missing + found).found, SizeIs(1));
  EXPECT_THAT(read_engine_log(found + missing).missing, SizeIs(1));
  EXPECT_THAT(read_engine_log(found + missing).found, IsEmpty());
}

TEST(EngineLogTest, ANameAloneIsNeitherMissingNorFound) {
  const auto findings = read_engine_log(k_vllm_path);
  EXPECT_THAT(findings.named, SizeIs(1));
  EXPECT_EQ(findings.named[0].engine, EngineFormat::vllm);
  EXPECT_THAT(findings.missing, IsEmpty());
  // What comes after a statement's line is not part of it.
  EXPECT_THAT(read_engine_log(vllm_warning(k_vllm_path) + "\n" + k_sglang_path).named, SizeIs(1));
}

TEST(EngineLogTest, TellsTheBackendOfTheMoeLayers) {
  for (const auto& [log, words, reads_files] : {
           std::tuple{
               "INFO [fp8.py:329] Using FLASHINFER_CUTLASS Fp8 MoE backend out of potential backends: ['TRITON'].",
               "Using FLASHINFER_CUTLASS Fp8 MoE backend", false},
           {"Using 'MARLIN' NvFp4 MoE backend out of potential backends: ['MARLIN'].",
            "Using 'MARLIN' NvFp4 MoE backend", false},
           {"Using TRITON Unquantized MoE backend out of potential backends: ['TRITON', 'FlashInfer TRTLLM']",
            "Using TRITON Unquantized MoE backend", true},
           {"Using TritonExperts MoE backend", "Using TritonExperts MoE backend", true},
           {"Using FlashInfer TRTLLM Unquantized MoE backend", "Using FlashInfer TRTLLM Unquantized MoE backend",
            false},
           {"Using TRITON Mxfp4 MoE backend", "Using TRITON Mxfp4 MoE backend", false},
           {"Using OCP_MXQuantizationEmulationTritonExperts MOE backend. This will dequantize",
            "Using OCP_MXQuantizationEmulationTritonExperts MOE backend", false},
           {"[fp8.py:205] Using Triton backend for FP8 MoE", "Using Triton backend for FP8 MoE", true},
           {"[fp8.py:168] Using Marlin backend for FP8 MoE (EngineCore_DP0", "Using Marlin backend for FP8 MoE", false},
           {"Using Cutlass BlockScaled GroupedGemm backend for FP8 MoE",
            "Using Cutlass BlockScaled GroupedGemm backend for FP8 MoE", false},
           {"Detected Blackwell GPUs, using FlashInfer TensorRT-LLM kernels for Fp8MoEMethod.",
            "using FlashInfer TensorRT-LLM kernels for Fp8MoEMethod", false},
           {"Using CompressedTensorsWNA16MarlinMoEMethod", "Using CompressedTensorsWNA16MarlinMoEMethod", false},
           {"server_args=ServerArgs(moe_a2a_backend='none', moe_runner_backend='flashinfer_trtllm', x=1)",
            "moe_runner_backend='flashinfer_trtllm", false},
           {"ServerArgs(moe_runner_backend='triton', speculative_moe_runner_backend='auto')",
            "moe_runner_backend='triton", true},
           {"{'moe_runner_backend': 'triton_kernel'}", "moe_runner_backend': 'triton_kernel", false},
           {"KernelConfig(moe_backend='aiter')", "moe_backend='aiter", false},
       }) {
    const auto backends = read_engine_log(log).backends;
    ASSERT_THAT(backends, SizeIs(1)) << log;
    EXPECT_EQ(backends[0].words, words);
    EXPECT_EQ(backends[0].reads_files, reads_files) << log;
  }
}

TEST(EngineLogTest, TakesNoOtherLineForABackend) {
  for (const char* log :
       {"Using FLASH_ATTN attention backend", "Using AttentionBackendEnum.TRITON_ATTN backend.",
        "ServerArgs(moe_runner_backend='auto', speculative_moe_runner_backend='marlin')", "moe_backend=None",
        "pass --moe-backend triton to select another MoE backend", "Using max model len 4096. MoE backend: see below",
        "Using configuration from /a/b.json", "misusing X MoE backend", "Using FLASHINFER\nsome MoE backend"}) {
    EXPECT_THAT(read_engine_log(log).backends, IsEmpty()) << log;
  }
}

TEST(EngineLogTest, TellsBatchInvariance) {
  for (const char* log :
       {"Disabling cascade attention when VLLM_BATCH_INVARIANT is enabled.", "VLLM_BATCH_INVARIANT=1",
        "env: {'VLLM_BATCH_INVARIANT': 'true'}", "Deterministic inference is enabled, using default MoE kernel config.",
        "ServerArgs(enable_deterministic_inference=True)"}) {
    EXPECT_THAT(read_engine_log(log).invariance, SizeIs(1)) << log;
  }
  for (const char* log : {"VLLM_BATCH_INVARIANT=0", "VLLM_BATCH_INVARIANT=", "set VLLM_BATCH_INVARIANT to 1",
                          "ServerArgs(enable_deterministic_inference=False)", "VLLM_BATCH_INVARIANT=10"}) {
    EXPECT_THAT(read_engine_log(log).invariance, IsEmpty()) << log;
  }
}

TEST(EngineLogTest, KnowsTheFileOfADenseLayer) {
  const std::string dense =
      "Using default W8A8 Block FP8 kernel config. Performance might be sub-optimal! Config file not found at "
      "/a/vllm/quantization/utils/configs/N=4096,K=1024,device_name=NVIDIA_L40S,dtype=fp8_w8a8,block_shape=[128,128]"
      ".json\n";
  EXPECT_TRUE(read_engine_log(dense).has_dense_layers);
  EXPECT_THAT(read_engine_log(dense).missing, IsEmpty());
  EXPECT_THAT(read_engine_log(dense + "Config file not found: " + k_vllm_name).missing, SizeIs(1));
}

TEST(EngineLogTest, SaysWhyANameCannotBeRead) {
  for (const char* name : {"E=8,N=512,device_name=NVIDIA_H", "E=8,N=512,device_name=NVIDIA_H\nINFO more",
                           "E=8,N=512,device_name=AMD_MI50/MI60.json", "E=0,N=512,device_name=NVIDIA_H200.json",
                           "E=8,N=512,device_name=.json", "E=8,N=512,device_name=NVIDIA_H200,dtype=.json",
                           "E=08,N=512,device_name=NVIDIA_H200.json"}) {
    const auto findings = read_engine_log(std::string("Config file not found at /a/b/") + name);
    EXPECT_THAT(findings.missing, IsEmpty()) << name;
    EXPECT_THAT(findings.unreadable, ElementsAre(HasSubstr("E="))) << name;
  }
  EXPECT_EQ(read_engine_log("see E=8,N=512,device_name=NVIDIA_H"), EngineLogFindings());
}

TEST(EngineLogTest, TakesTheTextInAnyPieces) {
  std::string log = "noise\n";
  for (const Wording& wording : wordings()) log += wording.log + "\nnoise VLLM_BATCH_INVARIANT=1 \\u00e9\n";
  log += std::string(200'000, 'x') + "Using TRITON Fp8 MoE backend" + std::string(200'000, ' ') + k_vllm_path;
  const auto whole = read_engine_log(log);
  EXPECT_GE(whole.missing.size(), 5U);
  for (const std::size_t size : {1UL, 7UL, 4096UL, 65537UL}) {
    EngineLog pieces;
    for (std::size_t at = 0; at < log.size(); at += size) pieces.read(std::string_view(log).substr(at, size));
    EXPECT_EQ(pieces.finish(), whole) << size;
  }
}

TEST(EngineLogTest, KeepsABoundedNumberOfFindings) {
  EngineLog log;
  for (int i = 1; i <= 2000; ++i) {
    log.read(vllm_warning(fmt::format("/vllm/E=8,N={},device_name=NVIDIA_L20.json\nUsing X{} MoE backend\n", i, i)));
  }
  const auto findings = log.finish();
  EXPECT_THAT(findings.missing, SizeIs(k_most_logged));
  EXPECT_THAT(findings.backends, SizeIs(k_most_logged));
  EXPECT_TRUE(findings.is_cut);
}

TEST(EngineLogTest, OddBytesAreJustText) {
  const std::string odd("\0\xff\xfe\x1b[\x1b]0;title\a\\u12\\\\\\uZZZZ E= e=E=,N= \x7f", 40);
  EXPECT_EQ(read_engine_log(odd), EngineLogFindings());
  EXPECT_THAT(read_engine_log(odd + "\n" + vllm_warning(k_vllm_path)).missing, SizeIs(1));
  std::string utf16;
  for (const char c : vllm_warning(k_vllm_path)) utf16 += std::string{c, '\0'};
  EXPECT_THAT(read_engine_log(utf16).missing, SizeIs(1));
}

}  // namespace
}  // namespace moetune::schema
