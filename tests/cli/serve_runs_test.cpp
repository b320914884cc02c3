#include "cli/report/serve_runs.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/cli/program.hpp"

namespace moetune::cli {
namespace {

using testing::HasSubstr;

TEST(CompareRunsTest, CountsTheWaysToPartTheRuns) {
  const std::vector<double> low = {1, 2, 3}, high = {11, 12, 13};
  const auto parted = compare_runs(low, high);
  EXPECT_DOUBLE_EQ(parted.chance, 2.0 / 20);  // C(6, 3) = 20, and the mirror image parts them as far
  EXPECT_DOUBLE_EQ(parted.least_chance, 2.0 / 20);
  EXPECT_DOUBLE_EQ(parted.before_mean, 2);
  EXPECT_DOUBLE_EQ(parted.after_deviation, 1);
  EXPECT_DOUBLE_EQ(compare_runs(std::vector<double>{5}, std::vector<double>{6}).chance, 1);
  EXPECT_DOUBLE_EQ(compare_runs(low, low).chance, 1);
  const std::vector<double> mixed = {2, 3, 12};
  EXPECT_NEAR(compare_runs(low, mixed).chance, 0.5, 0.3);
  EXPECT_NEAR(compare_runs(std::vector<double>{1, 2, 3, 4}, std::vector<double>{11, 12, 13, 14}).chance, 2.0 / 70,
              1e-12);
}

TEST(CompareRunsTest, MoreTokensAndLessTimeAreGains) {
  const auto verdict = compare_runs(std::vector<double>{100}, std::vector<double>{110});
  EXPECT_NEAR(verdict.gain(k_serve_metrics[0]), 0.10, 1e-12);
  EXPECT_NEAR(verdict.gain(k_serve_metrics[1]), -0.10, 1e-12);
}

class ServeFilesTest : public testing::Test {
 protected:
  std::string file(const std::string& name, double throughput, double ttft, const std::string& model = "some/model") {
    return text(name,
                fmt::format(R"({{"model_id": "{}", "output_throughput": {}, "mean_ttft_ms": {}, "mean_tpot_ms": 9}})",
                            model, throughput, ttft));
  }
  std::string text(const std::string& name, const std::string& content) {
    const auto path = folder_.path() / name;
    std::ofstream(path) << content;
    return path.string();
  }
  std::string refusal(const std::vector<std::string>& files) {
    const auto compared = compare_serve_files(files);
    EXPECT_FALSE(compared);
    return compared ? "" : compared.error().message;
  }
  TemporaryFolder folder_;
};

TEST_F(ServeFilesTest, SaysWhatTheRunsShow) {
  std::vector<std::string> files;
  for (int i = 0; i < 4; ++i) files.push_back(file(fmt::format("b{}.json", i), 1000 + i, 50 + i % 2));
  for (int i = 0; i < 4; ++i) files.push_back(file(fmt::format("a{}.json", i), 1100 + i, 50 + (i + 1) % 2));
  const auto compared = compare_serve_files(files);
  ASSERT_TRUE(compared) << compared.error().message;
  EXPECT_EQ(compared->runs, 4U);
  const std::string markdown = fmt::format("{}", fmt::join(markdown_of(*compared), "\n"));
  EXPECT_THAT(markdown, HasSubstr("of some/model, 4 runs before and after"));
  EXPECT_THAT(markdown, HasSubstr("| output tokens/s | 1001.50 ± 1.29 | 1101.50 ± 1.29 | +9.99 % |"));
  EXPECT_THAT(markdown,
              HasSubstr("- output tokens/s: **better** (+9.99 %), and chance alone would part the runs so far "
                        "in 2.9 % of all cases."));
  EXPECT_THAT(markdown,
              HasSubstr("- mean TTFT, ms: no difference shown (+0.00 %; chance parts the runs as far in 100 %"));
}

TEST_F(ServeFilesTest, FewRunsShowNothing) {
  const auto compared = compare_serve_files({file("b.json", 1000, 50), file("a.json", 1200, 40)});
  ASSERT_TRUE(compared) << compared.error().message;
  const std::string markdown = fmt::format("{}", fmt::join(markdown_of(*compared), "\n"));
  EXPECT_THAT(markdown, HasSubstr("1 run before and after"));
  EXPECT_THAT(markdown, HasSubstr("+20.00 %, but 1 runs of each side cannot tell that from chance; 4 can."));
}

TEST_F(ServeFilesTest, RefusesWhatIsNoPairOfRuns) {
  const auto good = file("good.json", 1, 1);
  EXPECT_THAT(refusal({good}), HasSubstr("an even number of files, not 1"));
  EXPECT_THAT(refusal(std::vector<std::string>(22, good)), HasSubstr("at most 20 files"));
  EXPECT_THAT(refusal({good, folder_.path() / "missing.json"}), HasSubstr("missing.json: cannot be read"));
  EXPECT_THAT(refusal({good, text("array.json", "[1]")}), HasSubstr("array.json: is not one JSON object"));
  EXPECT_THAT(refusal({good, text("torn.json", "{\"model_id\"")}), HasSubstr("is not one JSON object"));
  EXPECT_THAT(refusal({good, text("less.json", R"({"output_throughput": 1})")}),
              HasSubstr("no number \"mean_ttft_ms\""));
  EXPECT_THAT(refusal({good, file("zero.json", 0, 1)}), HasSubstr("\"output_throughput\" is 0"));
  EXPECT_THAT(refusal({good, file("other.json", 1, 1, "other/model")}), HasSubstr("compare runs of one model"));
  EXPECT_THAT(refusal({good, folder_.path().string()}), HasSubstr("wanted is a file of vllm bench serve"));
}

}  // namespace
}  // namespace moetune::cli
