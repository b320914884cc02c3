#include "cli/commands/sweep_variants.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

class SweepVariantsTest : public testing::Test {
 protected:
  SweepVariantsTest() { std::filesystem::create_directories(folder_); }
  ~SweepVariantsTest() override { std::filesystem::remove_all(folder_); }
  std::string file(const char* name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  static std::string refusal(const std::string& routings, const std::string& l2s = "") {
    const auto variants = sweep_variants(routings, l2s);
    return variants ? "" : variants.error().message;
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("moetune_variants_" + std::to_string(getpid()));
};

TEST_F(SweepVariantsTest, WithoutFlagsThereIsOneThatSaysNothing) {
  const auto variants = sweep_variants("", "");
  ASSERT_EQ(variants.value().size(), 1U);
  EXPECT_EQ(variants->front().fields, ordered_json::object());
  EXPECT_EQ(variants->front().title, "");
}

TEST_F(SweepVariantsTest, EveryRoutingGoesWithEveryL2) {
  const auto variants = sweep_variants("uniform,zipf:1.20", "cold,warm");
  ASSERT_EQ(variants.value().size(), 4U);
  EXPECT_EQ(variants->at(0).fields, (ordered_json{{"routing", "uniform"}, {"l2", "warm"}}));
  EXPECT_EQ(variants->at(3).fields, (ordered_json{{"routing", "zipf:1.2"}, {"l2", "cold"}}));
  EXPECT_EQ(variants->at(3).title, "routing zipf:1.2, l2 cold");
  EXPECT_EQ(sweep_variants("zipf", "cold,warm")->at(0).title, "l2 warm");
  EXPECT_EQ(sweep_variants("zipf", "")->front().title, "");
}

TEST_F(SweepVariantsTest, AFileOfCountsIsSentAsItsContent) {
  const auto path = file("layer.json", R"({"counts": [1, 2, 0]})");
  const auto variants = sweep_variants("uniform," + path, "");
  ASSERT_EQ(variants.value().size(), 2U);
  EXPECT_EQ(variants->at(1).fields["routing"], ordered_json::parse(R"({"layers": [[1, 2, 0]]})"));
  EXPECT_EQ(variants->at(1).title, "routing " + path);
}

TEST_F(SweepVariantsTest, WhatCannotBeReadIsNamed) {
  EXPECT_THAT(refusal("skewed"), HasSubstr("--routing: routing \"skewed\" is not known; use uniform, zipf:S"));
  EXPECT_THAT(refusal("zipf,zipf:1"), HasSubstr("--routing lists zipf:1 twice"));
  EXPECT_THAT(refusal("no-such.json"), HasSubstr("--routing: cannot read no-such.json"));
  EXPECT_THAT(refusal("counts.pt"), HasSubstr("a file of PyTorch"));
  EXPECT_THAT(refusal(file("a.json", "[1")), HasSubstr("a.json"));
  EXPECT_THAT(refusal(file("b.json", R"({"counts": [1, -2]})")), HasSubstr("the count of expert 1"));
  EXPECT_THAT(refusal("", "cold,hot"), HasSubstr("--l2: l2 \"hot\" is not known; use cold or warm"));
  EXPECT_THAT(refusal("", "warm,warm"), HasSubstr("--l2 lists warm twice"));
}

}  // namespace
}  // namespace moetune::cli
