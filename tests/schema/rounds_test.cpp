#include "schema/rounds.hpp"

#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

std::string refusal(const nlohmann::json& value) {
  const auto rounds = rounds_from_json(value);
  return rounds ? "" : rounds.error().message;
}

TEST(RoundsTest, ReadsWhatItWrites) {
  const Rounds rounds{.least = 12, .most = 30, .level = 0.95, .min_gain = 0.005};
  EXPECT_EQ(rounds_from_json(nlohmann::json(to_json(rounds))).value(), rounds);
  EXPECT_EQ(rounds_from_json(nlohmann::json::object()).value(), Rounds{});
}

TEST(RoundsTest, MoreThanTheUsualMostAsLeastRaisesTheMost) {
  const auto rounds = rounds_from_json({{"least", 40}});
  EXPECT_EQ(rounds->most, 40);
  EXPECT_DOUBLE_EQ(error_of_look(*rounds), 1 - 0.99);
}

TEST(RoundsTest, TwoLooksShareTheError) {
  EXPECT_DOUBLE_EQ(error_of_look({}), (1 - 0.99) / 2);
}

TEST(RoundsTest, TooFewForTheLevelAreRefused) {
  // Of n differences the widest interval is wrong with probability 2^(1-n).
  EXPECT_EQ(refusal({{"least", 8}}), "sweep.rounds.least must be at least 9 for level 0.99, not 8");
  EXPECT_EQ(refusal({{"least", 9}}), "");
  EXPECT_EQ(refusal({{"least", 8}, {"most", 8}}), "");
  EXPECT_EQ(refusal({{"least", 5}, {"most", 5}, {"level", 0.9}}), "");
}

TEST(RoundsTest, BadFieldsAreNamed) {
  EXPECT_EQ(refusal({{"least", 1}}), "sweep.rounds.least must be between 2 and 200, not 1");
  EXPECT_EQ(refusal({{"least", 12}, {"most", 11}}), "sweep.rounds.most must be between 12 and 200, not 11");
  EXPECT_EQ(refusal({{"level", 1}}), "sweep.rounds.level must be between 0.5 and 0.9999, not 1");
  EXPECT_NE(refusal({{"min_gain", nullptr}}), "");
  EXPECT_NE(refusal({{"colour", 1}}).find("no field \"colour\""), std::string::npos);
  EXPECT_NE(refusal(3), "");
}

}  // namespace
}  // namespace moetune::schema
