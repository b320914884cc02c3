// The tuned files that the engines themselves ship: read, written back, and linted.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "schema/engine_file_name.hpp"
#include "schema/engine_rows.hpp"
#include "schema/lint/engine_lint.hpp"
#include "tests/file_bytes.hpp"

namespace moetune::schema::lint {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// What is pinned of one engine's release.
struct Release {
  std::string folder;
  std::size_t files = 0;
  std::size_t canonical = 0;  ///< in the form that the tuners write today
  std::map<std::string_view, std::size_t> findings;
};

void PrintTo(const Release& release, std::ostream* out) {  // NOLINT(readability-identifier-naming): GoogleTest's name
  *out << release.folder;
}

class ShippedFilesTest : public testing::TestWithParam<Release> {
 protected:
  void SetUp() override {
    const char* cache = std::getenv("MOETUNE_ENGINE_CACHE");
    const fs::path folder = fs::path(cache != nullptr ? cache : MOETUNE_ENGINE_CACHE) / GetParam().folder;
    if (!fs::is_directory(folder)) GTEST_SKIP() << "the engines' files were not fetched";
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) files_.emplace(entry.path().string(), file_bytes(entry.path()));
    }
  }

  std::map<std::string, std::string> files_;  ///< path to text
};

TEST_P(ShippedFilesTest, EveryFileIsReadAndWrittenBack) {
  std::size_t canonical = 0;
  for (const auto& [path, text] : files_) {
    const auto rows = engine_rows_from_text(text);
    ASSERT_TRUE(rows) << path << ": " << rows.error().message;
    const std::string written = engine_rows_text(*rows);
    const auto meant = ordered_json::parse(text);
    EXPECT_EQ(ordered_json::parse(written), meant) << path;
    EXPECT_EQ(engine_rows_from_text(written).value(), *rows) << path;
    if (text != meant.dump(4) + "\n") continue;
    EXPECT_EQ(written, text) << path;
    ++canonical;
  }
  EXPECT_EQ(files_.size(), GetParam().files);
  EXPECT_EQ(canonical, GetParam().canonical);
}

TEST_P(ShippedFilesTest, EveryNameIsRead) {
  for (const auto& [path, text] : files_) {
    const auto name = engine_file_name_from_text(path);
    ASSERT_TRUE(name) << name.error().message;
    EXPECT_TRUE(name->exact) << path;
    const auto own = GetParam().folder.starts_with("vllm") ? EngineFormat::vllm : EngineFormat::sglang;
    EXPECT_TRUE(!name->format || name->format == own) << path;
    if (!name->dtype || name->device.empty() || !name->backend.empty()) continue;
    Problem problem;
    problem.num_experts = name->num_experts;
    problem.intermediate_size = name->intermediate_size;
    problem.dtype = *name->dtype;
    problem.block_shape = name->block_shape;
    problem.per_channel_quant = name->per_channel_quant;
    EXPECT_EQ(engine_file_name(own, name->device, problem, name->gemm).value(), fs::path(path).filename().string());
  }
}

TEST_P(ShippedFilesTest, LintFindsWhatIsKnown) {
  std::map<std::string_view, std::size_t> counts;
  for (const auto& [path, text] : files_) {
    Input input{.path = path, .text = text};
    if (const auto partner = partner_path(path); partner && files_.contains(*partner)) {
      input.up_text = files_.at(*partner);
    }
    for (const Finding& finding : lint_file(input).findings) ++counts[facts_of(finding.code).name];
  }
  EXPECT_EQ(counts, GetParam().findings);
}

INSTANTIATE_TEST_SUITE_P(
    Releases, ShippedFilesTest,
    testing::Values(Release{"vllm-0.33.0-tuned",
                            338,
                            237,
                            {{"clamped_block_k", 337},
                             {"default_row", 223},
                             {"key_gap", 14},
                             {"name_device", 5},
                             {"name_dtype", 7},
                             {"other_backend", 8}}},
                    Release{"sglang-0.5.23-tuned",
                            390,
                            351,
                            {{"clamped_block_k", 4}, {"default_row", 175}, {"key_gap", 35}, {"name_device", 2}}}),
    [](const testing::TestParamInfo<Release>& release) {
      return release.param.folder.substr(0, release.param.folder.find('-'));
    });

}  // namespace
}  // namespace moetune::schema::lint
