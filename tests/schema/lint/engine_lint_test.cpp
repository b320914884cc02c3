#include "schema/lint/engine_lint.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "schema/engine_rules.hpp"
#include "tests/schema/lint/examples.hpp"

namespace moetune::schema::lint {
namespace {

using testing::HasSubstr;

std::set<Code> codes_of(const Report& report) {
  std::set<Code> codes;
  for (const Finding& finding : report.findings) codes.insert(finding.code);
  return codes;
}

TEST(EngineLintTest, EveryCodeHasAnExampleWhoseOnlyFindingItIs) {
  std::set<Code> shown;
  for (const Example& example : examples()) {
    const Report report = lint_file(example.input);
    const auto name = facts_of(example.code).name;
    EXPECT_EQ(codes_of(report), std::set{example.code}) << name << ": " << example.input.path;
    ASSERT_FALSE(report.findings.empty()) << name;
    EXPECT_EQ(report.findings.front().batch, example.batch) << name;
    EXPECT_THAT(report.findings.front().message, HasSubstr(example.says)) << name;
    shown.insert(example.code);
  }
  for (const CodeFacts& facts : all_codes()) EXPECT_TRUE(shown.contains(facts.code)) << facts.name;
}

TEST(EngineLintTest, FilesThatAreRightHaveNoFinding) {
  for (const std::string& path : clean_paths()) {
    const Report report = lint_file({.path = path, .text = clean_text(), .up_text = clean_text()});
    EXPECT_EQ(report.findings, std::vector<Finding>()) << path;
    EXPECT_TRUE(report.notes.empty()) << path;
  }
}

TEST(EngineLintTest, AnUnknownDeviceIsNotedAndNoFinding) {
  const Report report = lint_file({.path = "E=8,N=512,device_name=NVIDIA_X9.json", .text = clean_text()});
  EXPECT_TRUE(report.findings.empty());
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_THAT(report.notes[0], HasSubstr("NVIDIA_X9"));
}

TEST(EngineLintTest, TheFormatThatIsGivenDecides) {
  const std::string path = "E=8,N=512,device_name=NVIDIA_H200_NVL.json";
  EXPECT_TRUE(lint_file({.path = path, .text = clean_text()}).findings.empty());
  EXPECT_TRUE(lint_file({.path = path, .text = clean_text(), .format = EngineFormat::sglang}).findings.empty());
  EXPECT_EQ(codes_of(lint_file({.path = path, .text = clean_text(), .format = EngineFormat::vllm})),
            std::set{Code::name_device});
}

TEST(EngineLintTest, NoRowIsCheckedWhereItsKernelIsNotTritons) {
  const Report report = lint_file({.path = "E=8,N=512,device_name=AMD_Instinct_MI350X,dtype=int4_w4a16,backend=x.json",
                                   .text = file_of("\"tile_m\": 16")});
  EXPECT_EQ(codes_of(report), std::set{Code::other_backend});
}

TEST(EngineLintTest, EveryDefaultOfVllmIsADefaultRow) {
  const Problem problem{64, 512, 2048, 8, Dtype::fp8_w8a8, ActDtype::bfloat16, BlockShape{128, 128}};
  std::vector<std::pair<std::int64_t, TileConfig>> configs;
  for (std::int64_t batch = 1; batch <= 4096; batch *= 2) configs.emplace_back(batch, default_config(problem, batch));
  const Report report = lint_file({.path = engine_file_name(EngineFormat::vllm, "NVIDIA_H200", problem).value(),
                                   .text = engine_file_bytes(EngineFormat::vllm, configs, "3.6.0")});
  EXPECT_EQ(report.findings.size(), configs.size());
  EXPECT_EQ(codes_of(report), std::set{Code::default_row});
}

TEST(EngineLintTest, TheFileOfGemm1BelongsToThatOfGemm2) {
  EXPECT_EQ(partner_path("a/X_down.json"), "a/X.json");
  EXPECT_EQ(partner_path("a/X.json"), std::nullopt);
}

}  // namespace
}  // namespace moetune::schema::lint
