#include "daemon/search/constraint.hpp"

#include <gtest/gtest.h>

namespace moetune::daemon::search {
namespace {

const schema::Problem k_problem{8,    64,   128, 2, schema::Dtype::none, schema::ActDtype::bfloat16, std::nullopt,
                                true, false};
constexpr schema::TileConfig k_config{64, 128, 32, 16, 4, 3};

bool holds(const std::string& expression) {
  return Constraint::parse(expression, k_problem).value().admits(k_config).value();
}

TEST(ConstraintTest, KnowsEveryFieldAndTheShape) {
  EXPECT_TRUE(holds("BLOCK_SIZE_M == 64 && BLOCK_SIZE_N == 128 && BLOCK_SIZE_K == 32"));
  EXPECT_TRUE(holds("GROUP_SIZE_M == 16 && num_warps == 4 && num_stages == 3"));
  EXPECT_TRUE(holds("E == 8 && N == 64 && hidden_size == 128 && topk == 2"));
  EXPECT_TRUE(holds("BLOCK_SIZE_M % 48 == 16"));
  EXPECT_FALSE(holds("(num_stages - 1) * (BLOCK_SIZE_M + BLOCK_SIZE_N) * BLOCK_SIZE_K * 2 > 101376"));
}

TEST(ConstraintTest, RefusesWhatIsNoCondition) {
  const std::vector<std::string> bad = {"", "BLOCK_SIZE_M <", "warps == 4", "1; 2", std::string(2000, '1')};
  for (const auto& expression : bad) {
    const auto parsed = Constraint::parse(expression, k_problem);
    ASSERT_FALSE(parsed) << expression;
    EXPECT_EQ(parsed.error().code, schema::ErrorCode::invalid_argument);
  }
}

TEST(ConstraintTest, TakesAnAssignmentForAMisspeltComparison) {
  for (const std::string expression :
       {"num_warps = 4", "num_warps=4", "(num_warps = 8) > 0", "num_warps === 4", "num_stages >= 2 && num_warps = 4"}) {
    const auto parsed = Constraint::parse(expression, k_problem);
    ASSERT_FALSE(parsed) << expression;
    EXPECT_NE(parsed.error().message.find("write =="), std::string::npos) << parsed.error().message;
  }
  EXPECT_TRUE(holds("num_warps==4&&num_stages<=3&&BLOCK_SIZE_M>=64&&BLOCK_SIZE_N!=64"));
}

TEST(ConstraintTest, RefusesWhatMuParserReadsAndNoConditionMeans) {
  for (const std::string expression :
       {"num_warps == 8, 1", "1, 2, 3", "(num_warps == 8, 1)", "\"four\"", "num_warps == \"4\"", "num_warps <== 4",
        "num_warps !== 4", "num_warps == 8; 1", "num_warps == 8 \n 1"}) {
    EXPECT_FALSE(Constraint::parse(expression, k_problem)) << expression;
  }
  EXPECT_TRUE(holds("max(num_warps, num_stages) == 4"));
  EXPECT_TRUE(holds("num_warps == 8 ? 0 : 1"));
}

TEST(ConstraintTest, AValueThatIsNoNumberIsAnError) {
  for (const std::string expression : {"BLOCK_SIZE_M % (num_warps - 4)", "BLOCK_SIZE_M / (num_warps - 4)"}) {
    EXPECT_FALSE(Constraint::parse(expression, k_problem).value().admits(k_config)) << expression;
  }
}

}  // namespace
}  // namespace moetune::daemon::search
