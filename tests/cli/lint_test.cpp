#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "schema/engine_file.hpp"
#include "schema/engine_rules.hpp"
#include "tests/cli/app_fixture.hpp"

namespace moetune::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using schema::TileConfig;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* k_name = "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json";

class LintTest : public AppTest {
 protected:
  /// A file with keys dense enough, each with this tile.
  static std::string rows_of(const TileConfig& tile) {
    std::vector<std::pair<std::int64_t, TileConfig>> configs;
    for (std::int64_t key = 1; key <= 4096; key *= 2) configs.emplace_back(key, tile);
    return schema::engine_file_bytes(schema::EngineFormat::vllm, configs, std::nullopt);
  }
  static std::string clean() { return rows_of({16, 64, 64, 4, 2, 2}); }
  static std::string clamped() { return rows_of({16, 64, 256, 4, 2, 2}); }

  std::string put(const fs::path& name, const std::string& text) const {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  Ended lint(std::vector<std::string> words) const {
    words.insert(words.begin(), "lint");
    return run_with(words);
  }
};

TEST_F(LintTest, SaysThatNothingWasFound) {
  const Ended ended = lint({put(k_name, clean())});
  EXPECT_EQ(ended.status, ExitStatus::done) << ended.err;
  EXPECT_EQ(ended.out, "1 file: nothing found\n");
  EXPECT_EQ(ended.err, "");
}

TEST_F(LintTest, GroupsFindingsByFileWithCodeBatchAndMessage) {
  const std::string bad = put(k_name, clamped());
  put("E=8,N=512,device_name=NVIDIA_H100.json", clean());
  const Ended ended = lint({folder_.path().string()});
  EXPECT_EQ(ended.status, ExitStatus::failed);
  EXPECT_THAT(
      ended.out,
      AllOf(HasSubstr(bad + "\n  warning  clamped_block_k  batches 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, "
                            "4096  BLOCK_SIZE_K 256 runs as 128"),
            HasSubstr("  error    name_device      -            no driver reports")));
  EXPECT_THAT(ended.out, testing::EndsWith("2 files: 1 error, 13 warnings\n"));
}

TEST_F(LintTest, JsonHasTheDocumentedForm) {
  const std::string good = put("a/" + std::string(k_name), clean());
  const std::string bad = put("b/" + std::string(k_name), clamped());
  const Ended ended = lint({"--json", good, bad});
  EXPECT_EQ(ended.status, ExitStatus::failed);
  const json answer = json::parse(ended.out);
  ASSERT_EQ(answer.size(), 1U);
  ASSERT_EQ(answer["files"].size(), 2U);
  EXPECT_EQ(answer["files"][0], (json{{"path", good}, {"findings", json::array()}}));
  EXPECT_EQ(answer["files"][1]["path"], bad);
  ASSERT_EQ(answer["files"][1]["findings"].size(), 13U);
  const json first = answer["files"][1]["findings"][0];
  EXPECT_EQ(first.size(), 4U);
  EXPECT_EQ(first["code"], "clamped_block_k");
  EXPECT_EQ(first["severity"], "warning");
  EXPECT_EQ(first["batch"], 1);
  EXPECT_THAT(first["message"].get<std::string>(), HasSubstr("runs as 128"));
}

TEST_F(LintTest, WhatConcernsTheWholeFileHasNoBatch) {
  const json answer = json::parse(lint({"--json", put(k_name, "{\"1\": [")}).out);
  EXPECT_EQ(answer["files"][0]["findings"][0]["code"], "unreadable");
  EXPECT_TRUE(answer["files"][0]["findings"][0]["batch"].is_null());
}

TEST_F(LintTest, AFolderStandsForAllJsonBelowIt) {
  put("a/b/" + std::string(k_name), clean());
  put("a/readme.txt", "no");
  put("a/.hidden/" + std::string(k_name), "no");
  const Ended ended = lint({folder_.path().string()});
  EXPECT_EQ(ended.status, ExitStatus::done) << ended.out;
  EXPECT_EQ(ended.out, "1 file: nothing found\n");
}

TEST_F(LintTest, LooksForTheFileOfGemm1BesideThatOfGemm2) {
  const std::string name = "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128]";
  const std::string down = put(name + "_down.json", clean());
  EXPECT_THAT(lint({down}).out, HasSubstr("missing_partner"));
  put(name + ".json", clean());
  EXPECT_EQ(lint({down}).status, ExitStatus::done);
  put(name + ".json", rows_of({32, 64, 64, 4, 2, 2}));
  EXPECT_THAT(lint({down}).out, HasSubstr("partner_block_m"));
}

TEST_F(LintTest, TheFolderCountsThatAFileReallyLiesIn) {
  const std::string name = "E=8,N=512,device_name=NVIDIA_H200.json";
  put("configs/triton_3_6_0/" + name, "{\"triton_version\": \"3.6.0\"," + clean().substr(1));
  const fs::path before = fs::current_path();
  fs::current_path(folder_.path() / "configs" / "triton_3_6_0");
  const Ended ended = lint({name});
  fs::current_path(before);
  EXPECT_THAT(ended.out, HasSubstr("triton_version"));
}

TEST_F(LintTest, SeverityLeavesOutWhatIsLess) {
  const std::string path = put(k_name, clamped());
  EXPECT_EQ(lint({"--severity", "warning", path}).status, ExitStatus::failed);
  const Ended ended = lint({"--severity", "error", path});
  EXPECT_EQ(ended.status, ExitStatus::done);
  EXPECT_EQ(ended.out, "1 file: nothing found\n");
}

TEST_F(LintTest, NotesAloneAreNoFailure) {
  const schema::Problem problem{8, 512, 2048, 2, schema::Dtype::none, schema::ActDtype::bfloat16, std::nullopt};
  const std::string path = put("E=8,N=512,device_name=NVIDIA_H200.json", rows_of(schema::default_config(problem, 1)));
  const Ended ended = lint({path});
  EXPECT_EQ(ended.status, ExitStatus::done) << ended.out;
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("  note     default_row      batch"), HasSubstr("note"), Not(HasSubstr("warn"))));
  const std::string bad = put(k_name, clamped());
  EXPECT_EQ(lint({path, bad}).status, ExitStatus::failed);
}

TEST_F(LintTest, WhatCannotBeCheckedIsSaidOnceForAllFiles) {
  put("E=8,N=512,device_name=NVIDIA_X9.json", clean());
  put("E=16,N=512,device_name=NVIDIA_X9.json", clean());
  const std::string other = put("E=8,N=512,device_name=NVIDIA_Y9.json", clean());
  const Ended ended = lint({folder_.path().string()});
  EXPECT_THAT(ended.err, HasSubstr("note: 2 files: shared memory was not checked: the device NVIDIA_X9"));
  EXPECT_THAT(ended.err, HasSubstr("note: " + other + ": shared memory was not checked: the device NVIDIA_Y9"));
  EXPECT_EQ(std::ranges::count(ended.err, '\n'), 2);
}

TEST_F(LintTest, AnUnknownDeviceIsANoteOnStderr) {
  const Ended ended = lint({put("E=8,N=512,device_name=NVIDIA_X9.json", clean())});
  EXPECT_EQ(ended.status, ExitStatus::done);
  EXPECT_THAT(ended.err, HasSubstr("the device NVIDIA_X9 is not known"));
}

TEST_F(LintTest, BadUsageNamesTheCulprit) {
  fs::create_directories(folder_.path() / "empty");
  const std::string good = put(k_name, clean());
  for (const auto& [words, culprit] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{}, "FILE"},
           {{"no-such.json"}, "there is no file no-such.json"},
           {{(folder_.path() / "empty").string()}, "holds no *.json"},
           {{"--severity", "fatal", good}, "--severity must be note, warning or error"},
           {{"--format", "tgi", good}, "--format must be vllm or sglang"}}) {
    const Ended ended = lint(words);
    EXPECT_EQ(ended.status, ExitStatus::usage) << culprit;
    EXPECT_EQ(ended.out, "");
    EXPECT_THAT(ended.err, HasSubstr(culprit));
  }
}

TEST_F(LintTest, AFileThatIsTooLargeIsAFinding) {
  const Ended ended = lint({put(k_name, std::string(3 << 20, ' '))});
  EXPECT_EQ(ended.status, ExitStatus::failed);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("unreadable"), HasSubstr("at most 1048576 are read")));
}

TEST_F(LintTest, NamesWithOddBytesCannotHarmTheOutput) {
  const std::string path = put("E=8,N=512,device_name=\xff\x1b[2J.json", clean());
  EXPECT_THAT(lint({path}).out + lint({path}).err, Not(HasSubstr("\x1b[2J")));
  EXPECT_TRUE(json::accept(lint({"--json", path}).out));
}

}  // namespace
}  // namespace moetune::cli
