#include "cli/group_flags.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace moetune::cli {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

class GroupFlagsTest : public testing::Test {
 protected:
  GroupFlagsTest() { flags_.add_to(app_, GroupFlags::Shape::optional); }
  CLI::App app_;
  GroupFlags flags_;
};

TEST_F(GroupFlagsTest, BecomeQueryParametersInAFixedOrder) {
  app_.parse("--compiler 'triton 3.6.0' --dtype none --block-shape 128,128 -N 512 -E 256 --origin recorded");
  EXPECT_EQ(flags_.query().value().text(),
            "?E=256&N=512&dtype=none&block_shape=128,128&compiler=triton%203.6.0&origin=recorded");
  EXPECT_TRUE(flags_.has("dtype"));
  EXPECT_FALSE(flags_.has("kernel"));
}

TEST_F(GroupFlagsTest, NameTheFlagWhoseValueIsWrong) {
  app_.parse("--l2 hot");
  const auto query = flags_.query();
  ASSERT_FALSE(query);
  EXPECT_EQ(query.error().code, schema::ErrorCode::invalid_argument);
  EXPECT_THAT(query.error().message, StartsWith("--l2"));
}

TEST_F(GroupFlagsTest, ComeBackAsWordsForTheShell) {
  app_.parse("-E 256 --compiler 'triton 3.6.0'");
  EXPECT_THAT(flags_.words(), ElementsAre("-E", "256", "--compiler", "'triton 3.6.0'"));
}

TEST(GroupFlagTextTest, SpellsFieldsAsFlags) {
  const auto fields = nlohmann::json::parse(
      R"({"E": 8, "dtype": null, "block_shape": [128, 128], "gated": true, "device": "A B", "rows": 7})");
  EXPECT_THAT(flags_of(fields), ElementsAre("-E", "8", "--dtype", "none", "--block-shape", "128,128", "--gated", "1",
                                            "--device", "'A B'"));
}

TEST(GroupFlagTextTest, FindsWhatGroupsDifferBy) {
  const auto groups = nlohmann::json::parse(
      R"([{"E": 8, "topk": 2, "dtype": null}, {"E": 8, "topk": 4, "dtype": null}, {"E": 8, "topk": 2, "dtype": "fp8_w8a8"}])");
  EXPECT_THAT(differing_fields(groups), ElementsAre("topk", "dtype"));
  EXPECT_THAT(differing_fields(nlohmann::json::array()), ElementsAre());
}

}  // namespace
}  // namespace moetune::cli
