#include "cli/compared_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/cli/program.hpp"

namespace moetune::cli {
namespace {

namespace fs = std::filesystem;
using schema::EngineFormat;
using schema::TileConfig;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

using Rows = std::vector<std::pair<std::int64_t, TileConfig>>;

constexpr TileConfig k_small{16, 64, 128, 1, 4, 3};
constexpr TileConfig k_wide{16, 128, 128, 1, 4, 3};
constexpr TileConfig k_tall{64, 64, 128, 1, 4, 3};
const std::string k_vllm = "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128]";
const std::string k_sglang = "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128]";

class ComparedFileTest : public testing::Test {
 protected:
  std::string put(const fs::path& name, const Rows& rows) const {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << schema::engine_file_bytes(EngineFormat::vllm, rows, std::nullopt);
    return path.string();
  }
  static schema::Result<std::vector<ComparedFile>> read(const std::vector<std::string>& paths,
                                                        const std::string& kernel = "") {
    return read_compared_files(paths, kernel);
  }
  static std::string refusal(const std::vector<std::string>& paths) {
    const auto files = read(paths);
    return files ? "" : files.error().message;
  }

  TemporaryFolder folder_;
};

TEST_F(ComparedFileTest, TakesTheRowThatTheEngineTakes) {
  const auto files = read({put(k_vllm + ".json", {{16, k_wide}, {1, k_small}})});
  ASSERT_TRUE(files) << files.error().message;
  const ComparedFile& file = files->front();
  EXPECT_EQ(file.file.name.num_experts, 256);
  EXPECT_EQ(file.file.engine, EngineFormat::vllm);
  EXPECT_EQ(file.row_for(3)->config, k_small);
  EXPECT_EQ(file.row_for(3)->key, 1);
  EXPECT_EQ(file.row_for(4096)->config, k_wide);
  EXPECT_THAT(telling_batches_of(*files, 40), ElementsAre(1, 8, 16, 32, 40));
}

TEST_F(ComparedFileTest, ReadsSglangsSecondFileWithTheFirst) {
  put(k_sglang + "_down.json", {{1, k_wide}, {64, k_small}});
  const auto files = read({put(k_sglang + ".json", {{1, k_small}, {32, k_small}})});
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(files->front().file.engine, EngineFormat::sglang);
  EXPECT_EQ(files->front().row_for(1)->config, paired(k_small, k_wide));
  EXPECT_EQ(files->front().row_for(64)->config, k_small);
  EXPECT_EQ(files->front().row_for(64)->key, 32);
  EXPECT_THAT(telling_batches_of(*files, 64), ElementsAre(1, 16, 32, 48, 64));
}

TEST_F(ComparedFileTest, SaysWhereTheTwoFilesDoNotFit) {
  put(k_sglang + "_down.json", {{1, k_wide}, {64, k_tall}});
  const auto files = read({put(k_sglang + ".json", {{1, k_small}})});
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_THAT(files->front().row_for(50).error().message,
              AllOf(HasSubstr("batch 50"), HasSubstr("BLOCK_SIZE_M 16 (key 1)"), HasSubstr("64 (key 64)")));
}

TEST_F(ComparedFileTest, VllmReadsNoSecondFile) {
  put(k_vllm + "_down.json", {{1, k_wide}});
  EXPECT_FALSE(read({put(k_vllm + ".json", {{1, k_small}})})->front().down);
}

TEST_F(ComparedFileTest, KernelSpellingAndFolderTellTheEngine) {
  const std::string plain = "E=8,N=14336,device_name=NVIDIA_L20.json";
  const auto engine = [&](const std::string& path, const std::string& kernel = "") {
    return read({path}, kernel)->front().file.engine;
  };
  EXPECT_EQ(engine(put(plain, {{1, k_small}})), EngineFormat::vllm);
  EXPECT_EQ(engine(put(plain, {{1, k_small}}), "sglang"), EngineFormat::sglang);
  EXPECT_EQ(engine(put(plain, {{1, k_small}}), "cuda"), EngineFormat::vllm);
  EXPECT_EQ(engine(put("configs/triton_3_6_0/" + plain, {{1, k_small}})), EngineFormat::sglang);
}

TEST_F(ComparedFileTest, SeveralFilesAreOfOneProblem) {
  const auto before = put("before/" + k_vllm + ".json", {{1, k_small}});
  const auto after = put("after/" + k_sglang + ".json", {{8, k_wide}});
  EXPECT_EQ(refusal({before, after}), "");  // only the spelling differs
  EXPECT_THAT(telling_batches_of(*read({before, after}), 8), ElementsAre(1, 4, 8));
  const auto other =
      put("E=256,N=256,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json", {{1, k_wide}});
  EXPECT_THAT(refusal({before, other}), AllOf(HasSubstr("different problems"), HasSubstr(other)));
  const auto elsewhere =
      put("E=256,N=512,device_name=NVIDIA_L20,dtype=fp8_w8a8,block_shape=[128,128].json", {{1, k_wide}});
  EXPECT_THAT(refusal({before, elsewhere}), HasSubstr("devices"));
}

TEST_F(ComparedFileTest, AFileIsOfADeviceThatItsEngineNamesSo) {
  EXPECT_TRUE(is_device("NVIDIA_L20", "NVIDIA_L20"));
  EXPECT_TRUE(is_device("NVIDIA_H200", "NVIDIA_H200_NVL"));      // vLLM
  EXPECT_TRUE(is_device("NVIDIA_H200_NVL", "NVIDIA_H200_NVL"));  // SGLang
  EXPECT_FALSE(is_device("NVIDIA_H200_NVL", "NVIDIA_H200"));
  EXPECT_FALSE(is_device("NVIDIA_GH200_480GB", "NVIDIA_H200"));
  EXPECT_FALSE(is_device("NVIDIA_L20", "NVIDIA_L40S"));
}

TEST_F(ComparedFileTest, WhatCannotBeMeasuredIsNamed) {
  EXPECT_THAT(refusal({"no-such.json"}), HasSubstr("there is no file no-such.json"));
  EXPECT_THAT(refusal({folder_.path().string()}), HasSubstr("there is no file"));
  EXPECT_THAT(refusal({put("tuned.json", {{1, k_small}})}), HasSubstr("a file's name tells its problem"));
  EXPECT_THAT(refusal({put(k_sglang + "_down.json", {{1, k_small}})}), HasSubstr("is for GEMM 2"));
  const std::string bad = put(k_vllm + ".json", {});
  EXPECT_THAT(refusal({bad}), AllOf(HasSubstr(bad), HasSubstr("no row"), HasSubstr("moetune lint")));
  std::ofstream(bad) << "[";
  EXPECT_THAT(refusal({bad}), HasSubstr(bad));
}

}  // namespace
}  // namespace moetune::cli
